#!/usr/bin/env bash
# Trains on several processes of one or more machines with Open MPI or MPICH:
#
#     PROCESSES=2 training/cluster/mpirun.sh --preset coinrun --data /shared/data --run /shared/runs/coinrun
#
# `genie` is built with the feature `mpi`:
#
#     cargo build --release -p genie_training --bin genie --features mpi      # Debian: libopenmpi-dev openmpi-bin libclang-dev
#
# All machines see the same dataset and the same folder of the run. The clips of a step are divided among the processes, so that
# `batch` must be a multiple of their number; the steps are those of one process. A process that dies ends the job, and
# `--resume` goes on from the last saved state, with any number of processes.
set -euo pipefail

processes="${PROCESSES:-2}"
# Threads of one process: the cores of a machine divided by its processes.
threads="${THREADS:-$(($(nproc) / processes > 0 ? $(nproc) / processes : 1))}"
export RAYON_NUM_THREADS="$threads"

# Without binding, threads of a process have all its cores. Open MPI wants to be told what to hand on of the environment; MPICH hands on
# all of it.
if mpirun --version 2>&1 | grep -qE 'Open MPI|OpenRTE|PRRTE'; then
    options=(--bind-to none -x RAYON_NUM_THREADS)
else
    options=(-bind-to none)
fi

# With `--device cuda` each process takes the graphics processor of its number on the machine.
program='number="${OMPI_COMM_WORLD_LOCAL_RANK:-${MPI_LOCALRANKID:-0}}"
arguments=() last=
for it in "$@"; do
    [ "$last" = --device ] && [ "$it" = cuda ] && it="cuda:$number"
    arguments+=("$it") last="$it"
done
exec "$0" train "${arguments[@]}"'

# More machines: MPIRUN_OPTIONS="--hostfile HOSTS" with a line `name slots=N` for each (Open MPI), or "-f HOSTS" with `name:N` (MPICH).
# shellcheck disable=SC2086
exec mpirun -n "$processes" "${options[@]}" ${MPIRUN_OPTIONS:-} bash -c "$program" "${GENIE:-genie}" "$@"
