//! Tools, and the hand that uses one.

use bevy::prelude::Resource;

use crate::drawing::{Area, Canvas, Colour, Place};

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Puts a patch of the model down.
    Stamp,
    /// Draws freely.
    Pencil,
    /// Fills what hangs together.
    Fill,
    /// Draws a straight line.
    Line,
    /// Fills a rectangle.
    Rectangle,
    /// Takes a colour from the picture.
    Eyedropper,
    /// Selects a part, and moves it.
    Select,
}

impl Tool {
    /// All tools, in the order in which they are shown.
    pub(crate) const ALL: [Self; 7] = [
        Self::Stamp,
        Self::Pencil,
        Self::Fill,
        Self::Line,
        Self::Rectangle,
        Self::Eyedropper,
        Self::Select,
    ];

    /// What it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stamp => "Stamp",
            Self::Pencil => "Pencil",
            Self::Fill => "Fill",
            Self::Line => "Line",
            Self::Rectangle => "Rectangle",
            Self::Eyedropper => "Pick",
            Self::Select => "Select",
        }
    }
}

/// The hand: which tool it holds, and what it is doing.
#[derive(Resource, Debug)]
pub(crate) struct Hand {
    /// The tool.
    pub(crate) tool: Tool,
    /// The colour it draws with.
    pub(crate) colour: Colour,
    /// The patch it stamps.
    pub(crate) stamp: Option<Canvas>,
    /// Whether stamps, rectangles and selections keep to the grid of patches.
    pub(crate) snap: bool,
    /// Edge of a patch in pixels.
    pub(crate) step: i32,
    /// What is selected.
    pub(crate) selection: Option<Area>,
    floating: Option<Floating>,
    stroke: Option<Stroke>,
}

/// A selection that was moved: what is below it is as it was until something else is drawn.
#[derive(Debug)]
struct Floating {
    area: Area,
    part: Canvas,
    below: Canvas,
    /// The picture with it.
    whole: Canvas,
}

/// What is being drawn, from the press to the release.
#[derive(Debug)]
struct Stroke {
    from: Place,
    last: Place,
    before: Canvas,
    now: Canvas,
    lifted: Option<(Area, Canvas)>,
}

impl Default for Hand {
    fn default() -> Self {
        Self {
            tool: Tool::Stamp,
            colour: [152, 212, 248],
            stamp: None,
            snap: true,
            step: 8,
            selection: None,
            floating: None,
            stroke: None,
        }
    }
}

impl Hand {
    /// What the picture would be if the button were let go.
    pub(crate) fn preview(&self) -> Option<&Canvas> {
        self.stroke.as_ref().map(|stroke| &stroke.now)
    }

    /// The corner at which a stamp is put down.
    pub(crate) fn stamp_corner(&self, place: Place) -> Place {
        if self.snap {
            let down = |value: i32| value.div_euclid(self.step) * self.step;
            (down(place.0), down(place.1))
        } else {
            (place.0 - self.step / 2, place.1 - self.step / 2)
        }
    }

    fn area(&self, from: Place, to: Place) -> Area {
        let area = Area::spanned(from, to);
        if self.snap {
            area.snapped(self.step)
        } else {
            area
        }
    }

    /// The button is pressed at a place.
    pub(crate) fn press(&mut self, canvas: &Canvas, place: Place) {
        if self.tool == Tool::Eyedropper {
            self.colour = canvas.colour(place).unwrap_or(self.colour);
            return;
        }
        let (mut now, mut lifted, mut below) = (canvas.clone(), None, None);
        match self.tool {
            Tool::Fill => now.fill(place, self.colour),
            Tool::Select => {
                // A picture with other content or of another size: nothing floats on it any more.
                self.floating = self.floating.take().filter(|part| part.whole == *canvas);
                let inside = self.selection.filter(|area| area.contains(place));
                if let (Some(_), Some(floating)) = (inside, &self.floating) {
                    lifted = Some((floating.area, floating.part.clone()));
                    below = Some(floating.below.clone());
                } else if let Some(area) = inside.and_then(|area| area.clipped(canvas)) {
                    let mut hole = canvas.clone();
                    hole.rectangle(area, self.colour);
                    lifted = Some((area, canvas.part(area)));
                    below = Some(hole);
                } else {
                    (self.selection, self.floating) = (None, None);
                }
            }
            _ => {}
        }
        self.stroke = Some(Stroke {
            from: place,
            last: place,
            before: below.unwrap_or_else(|| now.clone()),
            now,
            lifted,
        });
        self.drag(place);
    }

    /// The mouse is at another place, the button still pressed.
    pub(crate) fn drag(&mut self, place: Place) {
        let (corner, colour) = (self.stamp_corner(place), self.colour);
        let Some(from) = self.stroke.as_ref().map(|stroke| stroke.from) else {
            return;
        };
        let area = self.area(from, place);
        let (snap, step) = (self.snap, self.step);
        let Some(stroke) = &mut self.stroke else {
            return;
        };
        match self.tool {
            Tool::Stamp => {
                if let Some(stamp) = &self.stamp {
                    stroke.now.stamp(corner, stamp);
                }
            }
            Tool::Pencil => stroke.now.line(stroke.last, place, colour),
            Tool::Line => {
                stroke.now = stroke.before.clone();
                stroke.now.line(from, place, colour);
            }
            Tool::Rectangle => {
                stroke.now = stroke.before.clone();
                stroke.now.rectangle(area, colour);
            }
            Tool::Select => {
                if let Some((home, part)) = &stroke.lifted {
                    let mut by = (place.0 - from.0, place.1 - from.1);
                    if snap {
                        let near = |value: i32| (value + step / 2).div_euclid(step) * step;
                        by = (near(by.0), near(by.1));
                    }
                    let corner = (home.from.0 + by.0, home.from.1 + by.1);
                    stroke.now = stroke.before.clone();
                    stroke.now.stamp(corner, part);
                    self.selection = Some(home.moved_to(corner));
                } else if place != from {
                    self.selection = area.clipped(&stroke.before);
                }
            }
            Tool::Fill | Tool::Eyedropper => {}
        }
        stroke.last = place;
    }

    /// The button is let go: the picture as it is now.
    pub(crate) fn release(&mut self) -> Option<Canvas> {
        let stroke = self.stroke.take()?;
        if self.tool != Tool::Select {
            return Some(stroke.now);
        }
        // A selection alone draws nothing, and one that was not moved goes back.
        let (home, part) = stroke.lifted?;
        let area = self.selection.filter(|area| *area != home)?;
        self.floating = Some(Floating {
            area,
            part,
            below: stroke.before,
            whole: stroke.now.clone(),
        });
        Some(stroke.now)
    }

    /// Whatever was begun is given up.
    pub(crate) fn let_go(&mut self) {
        (self.stroke, self.selection, self.floating) = (None, None, None);
    }
}
