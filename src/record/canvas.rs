//! A picture of sixteen colours, small enough to stand in a report a dozen times.

use crate::formats::png;

use super::raster::Picture;

/// Steps of shading in grey and in blue.
const GREYS: u8 = 7;
const BLUES: u8 = 4;

/// Ground.
pub const WHITE: u8 = 0;
/// Where the blank is milled through.
pub const THROUGH: u8 = 1;
const GREY: u8 = 2;
const BLUE: u8 = GREY + GREYS;
/// Rapids, and findings that ask for a look.
pub const ORANGE: u8 = BLUE + BLUES;
/// Axes and letters.
pub const INK: u8 = ORANGE + 1;
/// Findings that stop.
pub const RED: u8 = INK + 1;

const PALETTE: [[u8; 3]; 16] = [
    [255, 255, 255],
    [244, 226, 176],
    [84, 88, 92],
    [110, 114, 118],
    [136, 140, 144],
    [161, 165, 169],
    [186, 190, 194],
    [208, 211, 214],
    [228, 230, 232],
    [16, 52, 110],
    [24, 84, 168],
    [52, 122, 210],
    [110, 168, 236],
    [222, 106, 18],
    [22, 26, 30],
    [190, 24, 28],
];

/// Grey of a shade from 0, dark, to 1.
pub fn grey(shade: f64) -> u8 {
    GREY + step(shade, GREYS)
}

/// Blue of a shade from 0, dark, to 1.
pub fn blue(shade: f64) -> u8 {
    BLUE + step(shade, BLUES)
}

fn step(shade: f64, steps: u8) -> u8 {
    ((shade * f64::from(steps)) as u8).min(steps - 1)
}

/// Rows of colour numbers, top row first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// White.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![WHITE; width * height] }
    }

    /// A shaded picture in grey; what is white stays white.
    pub fn greys_of(picture: &Picture) -> Self {
        let pixels = picture
            .rgb
            .chunks(3)
            .map(|p| if p == [255; 3] { WHITE } else { grey(f64::from(p[1]) / 255.0) })
            .collect();
        Self { width: picture.width, height: picture.height, pixels }
    }

    /// Colour of a pixel; `None` outside.
    pub fn at(&self, x: i64, y: i64) -> Option<u8> {
        let inside = x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height;
        inside.then(|| self.pixels[y as usize * self.width + x as usize])
    }

    /// Sets a pixel; outside is ignored.
    pub fn set(&mut self, x: i64, y: i64, colour: u8) {
        if self.at(x, y).is_some() {
            self.pixels[y as usize * self.width + x as usize] = colour;
        }
    }

    /// Pixels of a straight line, in order; some may lie outside.
    pub fn along(&self, a: [f64; 2], b: [f64; 2], mut each: impl FnMut(i64, i64)) {
        let steps = (b[0] - a[0]).abs().max((b[1] - a[1]).abs()).ceil().clamp(1.0, 4096.0);
        for s in 0..=steps as usize {
            let t = s as f64 / steps;
            let (x, y) = (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t);
            each(x.round() as i64, y.round() as i64);
        }
    }

    /// A line `wide` pixels wide.
    pub fn line(&mut self, a: [f64; 2], b: [f64; 2], wide: i64, colour: u8) {
        let mut pixels = Vec::new();
        self.along(a, b, |x, y| pixels.push((x, y)));
        for (x, y) in pixels {
            for dy in 0..wide {
                for dx in 0..wide {
                    self.set(x + dx - wide / 2, y + dy - wide / 2, colour);
                }
            }
        }
    }

    /// A filled disc.
    pub fn disc(&mut self, middle: [f64; 2], radius: f64, colour: u8) {
        let r = radius.ceil() as i64;
        let (x0, y0) = (middle[0].round() as i64, middle[1].round() as i64);
        for y in -r..=r {
            for x in -r..=r {
                if (x * x + y * y) as f64 <= radius * radius {
                    self.set(x0 + x, y0 + y, colour);
                }
            }
        }
    }

    /// Letters of 5 by 7 dots, `dot` pixels each, the text's middle at `middle`. Knows digits, X, Y and +.
    pub fn text(&mut self, middle: [f64; 2], text: &str, dot: i64, colour: u8) {
        let count = text.chars().count() as i64;
        let x0 = middle[0].round() as i64 - (count * 6 - 1) * dot / 2;
        let y0 = middle[1].round() as i64 - 7 * dot / 2;
        for (k, c) in text.chars().enumerate() {
            for (row, dots) in glyph(c).iter().enumerate() {
                for col in 0..5 {
                    if dots & (16 >> col) == 0 {
                        continue;
                    }
                    for d in 0..dot * dot {
                        let x = x0 + (k as i64 * 6 + col) * dot + d % dot;
                        self.set(x, y0 + row as i64 * dot + d / dot, colour);
                    }
                }
            }
        }
    }

    /// Another picture into this one, its left edge at `x`.
    pub fn put(&mut self, other: &Self, x: usize) {
        for row in 0..other.height.min(self.height) {
            for col in 0..other.width.min(self.width.saturating_sub(x)) {
                self.pixels[row * self.width + x + col] = other.pixels[row * other.width + col];
            }
        }
    }

    /// As PNG.
    pub fn png(&self) -> Vec<u8> {
        png::png_indexed_bytes(&self.pixels, self.width as u32, self.height as u32, &PALETTE)
            .expect("a canvas has one known colour a pixel")
    }
}

fn glyph(c: char) -> [u8; 7] {
    match c {
        '0' => [14, 17, 19, 21, 25, 17, 14],
        '1' => [4, 12, 4, 4, 4, 4, 14],
        '2' => [14, 17, 1, 6, 8, 16, 31],
        '3' => [31, 2, 4, 2, 1, 17, 14],
        '4' => [2, 6, 10, 18, 31, 2, 2],
        '5' => [31, 16, 30, 1, 1, 17, 14],
        '6' => [6, 8, 16, 30, 17, 17, 14],
        '7' => [31, 1, 2, 4, 8, 8, 8],
        '8' => [14, 17, 17, 14, 17, 17, 14],
        '9' => [14, 17, 17, 15, 1, 2, 12],
        'X' => [17, 17, 10, 4, 10, 17, 17],
        'Y' => [17, 17, 10, 4, 4, 4, 4],
        '+' => [0, 4, 4, 31, 4, 4, 0],
        _ => [0; 7],
    }
}
