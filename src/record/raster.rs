//! A z-buffer on the CPU: triangles in, RGB out.

use nalgebra::Vector3;

use crate::model::{Frame, Mesh};

/// Rows of RGB, top row first.
#[derive(Clone)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Three bytes a pixel.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// One colour all over.
    pub fn new(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// Sets a pixel; outside is ignored.
    pub fn set(&mut self, x: i64, y: i64, colour: [u8; 3]) {
        if x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height {
            let at = (y as usize * self.width + x as usize) * 3;
            self.rgb[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// A straight line, two pixels wide.
    pub fn line(&mut self, a: [f64; 2], b: [f64; 2], colour: [u8; 3]) {
        let steps = (b[0] - a[0]).abs().max((b[1] - a[1]).abs()).ceil().clamp(1.0, 4096.0);
        for s in 0..=steps as usize {
            let t = s as f64 / steps;
            let (x, y) =
                ((a[0] + (b[0] - a[0]) * t).round() as i64, (a[1] + (b[1] - a[1]) * t).round() as i64);
            self.set(x, y, colour);
            self.set(x + 1, y, colour);
            self.set(x, y + 1, colour);
        }
    }

    /// Half the size in both directions, each pixel the mean of four: smooths edges.
    pub fn halved(&self) -> Self {
        let (w, h) = (self.width / 2, self.height / 2);
        let mut out = Self::new(w, h, [0; 3]);
        for y in 0..h {
            for x in 0..w {
                for c in 0..3 {
                    let at = |dx: usize, dy: usize| {
                        u32::from(self.rgb[((2 * y + dy) * self.width + 2 * x + dx) * 3 + c])
                    };
                    out.rgb[(y * w + x) * 3 + c] =
                        ((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4) as u8;
                }
            }
        }
        out
    }
}

/// Where the eye is: orthographic.
#[derive(Clone, Copy)]
pub struct Camera {
    /// Middle of the picture, mm.
    pub middle: Vector3<f64>,
    /// From the scene to the eye, unit.
    pub to_eye: Vector3<f64>,
    /// Up in the picture, unit, perpendicular to `to_eye`.
    pub up: Vector3<f64>,
    /// Pixels per mm.
    pub scale: f64,
}

impl Camera {
    /// Right in the picture.
    pub fn right(&self) -> Vector3<f64> {
        self.up.cross(&self.to_eye)
    }

    /// Pixel of a place and its nearness to the eye, mm.
    pub fn project(&self, p: Vector3<f64>, width: usize, height: usize) -> [f64; 3] {
        let d = p - self.middle;
        [
            width as f64 / 2.0 + d.dot(&self.right()) * self.scale,
            height as f64 / 2.0 - d.dot(&self.up) * self.scale,
            d.dot(&self.to_eye),
        ]
    }
}

/// A picture with its depths.
pub struct Scene {
    /// The picture so far.
    pub picture: Picture,
    near: Vec<f64>,
    camera: Camera,
}

impl Scene {
    /// Empty.
    pub fn new(width: usize, height: usize, camera: Camera) -> Self {
        Self {
            picture: Picture::new(width, height, [255; 3]),
            near: vec![f64::NEG_INFINITY; width * height],
            camera,
        }
    }

    /// Nearness to the eye of what is seen at a pixel, mm, minus infinity where nothing is; `None` outside.
    pub fn nearest(&self, x: i64, y: i64) -> Option<f64> {
        let inside =
            x >= 0 && y >= 0 && (x as usize) < self.picture.width && (y as usize) < self.picture.height;
        inside.then(|| self.near[y as usize * self.picture.width + x as usize])
    }

    /// Draws a mesh; `colour` gives the colour at a triangle's corner, shading is added. With `fade` the part of
    /// the colour that is mixed into what lies behind is less than one, and depths are kept as they were.
    pub fn draw<F: Frame>(&mut self, mesh: &Mesh<F>, colour: impl Fn(u32) -> [f64; 3]) {
        let normals = mesh.vertex_normals();
        // The light stands over the viewer's left shoulder.
        let light = (self.camera.to_eye + self.camera.up * 0.5 - self.camera.right() * 0.4).normalize();
        let (w, h) = (self.picture.width, self.picture.height);
        let places: Vec<[f64; 3]> =
            mesh.vertices.iter().map(|&v| self.camera.project(Vector3::from(v), w, h)).collect();
        for t in &mesh.triangles {
            let [a, b, c] = t.map(|v| places[v as usize]);
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            // Rows run down, so a triangle that faces the eye turns clockwise in the picture.
            if area >= 0.0 {
                continue;
            }
            let shade = t.map(|v| {
                let n = Vector3::from(normals[v as usize]);
                0.28 + 0.72 * n.dot(&light).max(0.0)
            });
            let colours = t.map(&colour);
            let x0 = a[0].min(b[0]).min(c[0]).floor().max(0.0) as usize;
            let x1 = a[0].max(b[0]).max(c[0]).ceil().min(w as f64 - 1.0);
            let y0 = a[1].min(b[1]).min(c[1]).floor().max(0.0) as usize;
            let y1 = a[1].max(b[1]).max(c[1]).ceil().min(h as f64 - 1.0);
            if x1 < 0.0 || y1 < 0.0 {
                continue;
            }
            for y in y0..=y1 as usize {
                for x in x0..=x1 as usize {
                    let (px, py) = (x as f64, y as f64);
                    let wa = ((b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)) / area;
                    let wb = ((c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)) / area;
                    let wc = 1.0 - wa - wb;
                    if wa < 0.0 || wb < 0.0 || wc < 0.0 {
                        continue;
                    }
                    let near = wa * a[2] + wb * b[2] + wc * c[2];
                    let at = y * w + x;
                    if near > self.near[at] {
                        self.near[at] = near;
                        let s = wa * shade[0] + wb * shade[1] + wc * shade[2];
                        for k in 0..3 {
                            let v = wa * colours[0][k] + wb * colours[1][k] + wc * colours[2][k];
                            self.picture.rgb[at * 3 + k] = (v * s * 255.0).round().clamp(0.0, 255.0) as u8;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Patient;

    #[test]
    fn what_is_nearer_covers_and_right_is_right() {
        let eye = Camera {
            middle: Vector3::zeros(),
            to_eye: Vector3::new(0.0, 0.0, 1.0),
            up: Vector3::new(0.0, 1.0, 0.0),
            scale: 10.0,
        };
        let square = |z: f64, x: f64| {
            Mesh::<Patient>::new(
                vec![[x, -1.0, z], [x + 1.0, -1.0, z], [x + 1.0, 1.0, z], [x, 1.0, z]],
                vec![[0, 1, 2], [0, 2, 3]],
            )
        };
        let mut scene = Scene::new(60, 60, eye);
        scene.draw(&square(1.0, 0.5), |_| [1.0, 0.0, 0.0]);
        scene.draw(&square(0.0, 0.5), |_| [0.0, 1.0, 0.0]);
        let at = |x: usize| scene.picture.rgb[(30 * 60 + x) * 3..][..3].to_vec();
        assert!(at(40)[0] > 100 && at(40)[1] == 0, "the red square is nearer and on the right");
        assert_eq!(at(20), vec![255; 3], "nothing on the left");
    }
}
