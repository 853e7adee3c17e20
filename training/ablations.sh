#!/bin/sh
# Trains one small world for each choice that the shipped configuration makes otherwise, and prints a table of what became
# of them, in Markdown. What there is already is not made again: run it as often as it takes.
#
#     training/ablations.sh FOLDER
#
# FOLDER takes footage, runs and figures. GENIE is the command to use, by default target/debug/genie. A row takes some
# ten minutes on two cores. `STEPS` and `TOKENIZER_STEPS` are the lengths of the phases.
set -eu
folder=${1:?folder for footage, runs and figures}
genie=${GENIE:-target/debug/genie}
steps=${STEPS:-300}
tokenizer_steps=${TOKENIZER_STEPS:-100}
config=$(dirname "$0")/configs/platformer.toml
mkdir -p "$folder"

# A folder of footage is whole or not there.
[ -d "$folder/train" ] || "$genie" gameplay --out "$folder/train" --clips 300 --frames 100 --seed 1
[ -d "$folder/held_out" ] || "$genie" gameplay --out "$folder/held_out" --clips 48 --frames 120 --seed 9001

# row NAME [SETTING=VALUE ...]
row() {
    name=$1
    shift
    run="$folder/$name"
    set_all=""
    for setting in "$@"; do set_all="$set_all --set $setting"; done
    if [ ! -f "$run/evaluation.txt" ]; then
        resume=""
        [ ! -d "$run" ] || resume=--resume
        # Settings have no blanks in them.
        # shellcheck disable=SC2086
        "$genie" train --config "$config" --data "$folder/train" --run "$run" $resume \
            --set tokenizer.steps="$tokenizer_steps" --set dynamics.steps="$steps" $set_all >"$folder/$name.log" 2>&1
        "$genie" evaluate --checkpoint "$run/world.genie.safetensors" --data "$folder/held_out" \
            --clips 32 --horizon 16 --survival 100 >"$run/evaluation.part"
        mv "$run/evaluation.part" "$run/evaluation.txt"
    fi
    # Seconds of the dynamics phase, over all of its steps.
    seconds=$(sed -n 's/.*"seconds":\([0-9.]*\).*/\1/p' "$run/dynamics/metrics.jsonl" | sort -n |
        awk '{ t[NR] = $1 } END { printf "%.2f", t[int((NR + 1) / 2)] }')
    awk -v name="$name" -v settings="$*" -v seconds="$seconds" '
        /^tokenizer PSNR/ { tokenizer = $3 }
        /^one prompt frame/ { delta = $6 }
        /^faithfulness/ { near = $2; far = $3 }
        /^after 100 frames/ { visible = $4 }
        /^left, idle or right/ { steer = $6 }
        /^jump/ && NF == 6 { jump = $3 }
        END {
            gsub(" ", " ", settings)
            printf "| %s | `%s` | %s | %s | %s / %s | %s | %s / %s | %s |\n",
                name, settings, tokenizer, delta, near, far, visible, steer, jump, seconds
        }' "$run/evaluation.txt"
}

echo "| row | settings | tokenizer PSNR, dB | delta-PSNR, dB | faithfulness at 1 / 16 | visible after 100 | information on direction / jump, nats | step, s |"
echo "|---|---|---|---|---|---|---|---|"
row base
row random-start initial_weights=random actions_frozen=0
row pixels model.latent_actions.input=pixels actions_frozen=0
row differences model.latent_actions.input=differences actions_frozen=0
row actions-not-frozen actions_frozen=0
row small-action-encoder model.latent_actions.encoder.layers=1 model.latent_actions.encoder.width=64 model.latent_actions.encoder.heads=2
row 4-actions model.latent_actions.actions=4
row 8-actions model.latent_actions.actions=8
row prepended model.dynamics.conditioning=prepended
row no-corruption corruption.tokens=0.0
row more-corruption corruption.tokens=0.2
row window-4 model.dynamics.transformer.window=4
row shallow-and-wide model.dynamics.transformer.layers=3 model.dynamics.transformer.width=192 model.dynamics.transformer.heads=6
row half-the-steps dynamics.steps=$((steps / 2))
row twice-the-steps dynamics.steps=$((steps * 2))
