//! Coordinate frames as types: a point says where it is measured from, a motion says from where to where.

use std::fmt;
use std::marker::PhantomData;

use nalgebra::{Isometry3, Matrix3, Point3, Rotation3, Translation3, UnitQuaternion, Vector3};
use serde::{Deserialize, Serialize};

/// A right-handed Cartesian frame in millimetres.
pub trait Frame: Copy + Clone + fmt::Debug + Send + Sync + 'static {
    /// The frame's name in files and reports.
    const NAME: &'static str;
}

/// DICOM patient coordinates, LPS: +x to the patient's left, +y to the back, +z to the head. mm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Patient;

/// The implant's own frame: origin at its centroid, +z the insertion axis pointing out of the patient,
/// +x the projection of patient +x (of +y where that is shorter than 0.5). mm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Part;

/// The work offset of one setup; which setup is said by whoever holds the value. mm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Work;

/// The machine's own axes, zero where homing leaves them. mm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Machine;

impl Frame for Patient {
    const NAME: &'static str = "patient";
}
impl Frame for Part {
    const NAME: &'static str = "part";
}
impl Frame for Work {
    const NAME: &'static str = "work";
}
impl Frame for Machine {
    const NAME: &'static str = "machine";
}

/// A place in frame `F`, mm.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Point<F: Frame> {
    /// x, y, z in mm.
    pub mm: [f64; 3],
    #[serde(skip)]
    frame: PhantomData<F>,
}

impl<F: Frame> Point<F> {
    /// The place `[x, y, z]`, mm.
    pub const fn new(mm: [f64; 3]) -> Self {
        Self { mm, frame: PhantomData }
    }

    /// As a nalgebra vector, for arithmetic inside one frame.
    pub fn v(&self) -> Vector3<f64> {
        Vector3::from(self.mm)
    }

    /// From a nalgebra vector whose frame the caller vouches for.
    pub fn from_v(v: Vector3<f64>) -> Self {
        Self::new([v.x, v.y, v.z])
    }

    /// Distance to another place of the same frame, mm.
    pub fn distance_mm(&self, other: &Self) -> f64 {
        (self.v() - other.v()).norm()
    }
}

/// A unit direction in frame `F`.
#[derive(Copy, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Dir<F: Frame> {
    /// Components of the unit vector.
    pub unit: [f64; 3],
    #[serde(skip)]
    frame: PhantomData<F>,
}

impl<F: Frame> Dir<F> {
    /// Normalises `v`.
    ///
    /// # Panics
    /// When `v` has no length: a direction was asked of nothing.
    pub fn new(v: [f64; 3]) -> Self {
        let n = Vector3::from(v).norm();
        assert!(n > 0.0 && n.is_finite(), "a direction needs a finite, non-zero vector, not {v:?}");
        Self { unit: [v[0] / n, v[1] / n, v[2] / n], frame: PhantomData }
    }

    /// As a nalgebra vector, for arithmetic inside one frame.
    pub fn v(&self) -> Vector3<f64> {
        Vector3::from(self.unit)
    }

    /// The opposite direction.
    pub fn reversed(&self) -> Self {
        Self::new([-self.unit[0], -self.unit[1], -self.unit[2]])
    }
}

/// A rigid motion named target-from-source: `work_from_part.apply(p_part)` is a place in `Work`.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Pose<To: Frame, From: Frame> {
    /// Rotation then translation, mm.
    pub iso: Isometry3<f64>,
    frames: PhantomData<(To, From)>,
}

impl<To: Frame, From: Frame> Pose<To, From> {
    /// From a nalgebra isometry whose frames the caller vouches for.
    pub fn new(iso: Isometry3<f64>) -> Self {
        Self { iso, frames: PhantomData }
    }

    /// The motion that leaves every coordinate as it is.
    pub fn identity() -> Self {
        Self::new(Isometry3::identity())
    }

    /// The pose whose rows of rotation are the target's axes seen in the source, and which takes
    /// `origin_in_source` to the target's origin. The axes must be orthonormal and right-handed.
    pub fn from_axes(x: Dir<From>, y: Dir<From>, z: Dir<From>, origin_in_source: Point<From>) -> Self {
        let rows = [x.v().transpose(), y.v().transpose(), z.v().transpose()];
        let r = Matrix3::from_rows(&rows);
        assert!((r.determinant() - 1.0).abs() < 1e-6, "axes of a pose are right-handed and orthonormal");
        let rotation = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(r));
        let t = -(rotation * origin_in_source.v());
        Self::new(Isometry3::from_parts(Translation3::from(t), rotation))
    }

    /// Takes a place of the source to the target.
    pub fn apply(&self, p: Point<From>) -> Point<To> {
        let q = self.iso * Point3::from(p.v());
        Point::new([q.x, q.y, q.z])
    }

    /// The same on bare numbers, for arrays whose frame stands on their owner.
    pub fn apply_raw(&self, p_mm: [f64; 3]) -> [f64; 3] {
        let q = self.iso * Point3::new(p_mm[0], p_mm[1], p_mm[2]);
        [q.x, q.y, q.z]
    }

    /// Turns a direction of the source into the target.
    pub fn turn(&self, d: Dir<From>) -> Dir<To> {
        let q = self.iso.rotation * d.v();
        Dir::new([q.x, q.y, q.z])
    }

    /// The motion back.
    pub fn inverse(&self) -> Pose<From, To> {
        Pose::new(self.iso.inverse())
    }

    /// `a_from_b.after(b_from_c)` is `a_from_c`.
    pub fn after<C: Frame>(&self, inner: Pose<From, C>) -> Pose<To, C> {
        Pose::new(self.iso * inner.iso)
    }

    /// 4 × 4, row major, as written in files.
    pub fn rows(&self) -> [[f64; 4]; 4] {
        let m = self.iso.to_homogeneous();
        std::array::from_fn(|r| std::array::from_fn(|c| m[(r, c)]))
    }

    /// Reads what [`Pose::rows`] wrote.
    ///
    /// # Errors
    /// The reason, when the 3 × 3 block is not a rotation to 1e-6.
    pub fn from_rows(rows: [[f64; 4]; 4]) -> Result<Self, String> {
        let r = Matrix3::from_fn(|i, j| rows[i][j]);
        let off = (r * r.transpose() - Matrix3::identity()).norm();
        if !off.is_finite() || off > 1e-6 || r.determinant() < 0.0 {
            return Err(format!(
                "the upper 3 x 3 block of the pose departs from a rotation by {off:.2e} (limit 1e-6)"
            ));
        }
        let q = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(r));
        Ok(Self::new(Isometry3::from_parts(Translation3::new(rows[0][3], rows[1][3], rows[2][3]), q)))
    }
}

impl<To: Frame, From: Frame> Serialize for Pose<To, From> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.rows().serialize(s)
    }
}

impl<'de, To: Frame, From: Frame> Deserialize<'de> for Pose<To, From> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_rows(<[[f64; 4]; 4]>::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

macro_rules! schema_as {
    ($name:ident<$($p:ident),+>, $as:ty) => {
        impl<$($p: Frame),+> schemars::JsonSchema for $name<$($p),+> {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(g: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$as>::json_schema(g)
            }
        }
    };
}
schema_as!(Point<F>, [f64; 3]);
schema_as!(Dir<F>, [f64; 3]);
schema_as!(Pose<To, From>, [[f64; 4]; 4]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pose_goes_there_and_back_and_survives_its_file() {
        let pose: Pose<Part, Patient> = Pose::from_axes(
            Dir::new([0.0, 1.0, 0.0]),
            Dir::new([0.0, 0.0, 1.0]),
            Dir::new([1.0, 0.0, 0.0]),
            Point::new([10.0, 20.0, 30.0]),
        );
        let p = Point::<Patient>::new([11.0, 20.0, 30.0]);
        let q = pose.apply(p);
        // One mm along patient x is one mm along part z, by the axes above.
        assert!((q.mm[2] - 1.0).abs() < 1e-12 && q.mm[0].abs() < 1e-12);
        assert!(pose.inverse().apply(q).distance_mm(&p) < 1e-12);
        let back = Pose::<Part, Patient>::from_rows(pose.rows()).unwrap();
        assert!(back.apply(p).distance_mm(&q) < 1e-12);
    }

    #[test]
    fn a_mirror_is_not_a_pose() {
        let mut rows = Pose::<Part, Patient>::identity().rows();
        rows[0][0] = -1.0;
        assert!(Pose::<Part, Patient>::from_rows(rows).is_err());
    }
}
