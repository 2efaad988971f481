//! Row images: where their bytes are, and what is known of them beyond the bytes.

use std::hash::{DefaultHasher, Hasher};

use walbridge_schemas::{AvroError, ValueSchema};

use crate::fold::{Images, Likeness};
use crate::lane::Lane;

/// One row of an event: a range of a lane's bytes, or of the bytes kept aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    lane: u32,
    /// Which [`Plan`] reads it.
    pub(crate) plan: u32,
    start: u64,
    len: u32,
    marks: u32,
}

const ASIDE: u32 = u32::MAX;
const NO_MARKS: u32 = u32::MAX;

/// What a row's headers say of one image. Usual rows have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Fields whose value is not in the bytes.
    pub(crate) unknown: Vec<u16>,
    /// Exact texts of fields that the bytes only approximate.
    pub(crate) special: Vec<(u16, Box<[u8]>)>,
}

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.special.is_empty()
    }
}

static UNMARKED: Marks = Marks {
    unknown: Vec::new(),
    special: Vec::new(),
};

/// How rows of one value schema are read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) schema: ValueSchema,
}

/// All rows held, wherever they lie.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) plans: Vec<Plan>,
    aside: Vec<u8>,
    marks: Vec<Marks>,
}

/// What outlives a settled batch, while it is collected.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    aside: Vec<u8>,
    marks: Vec<Marks>,
}

impl Rows {
    /// Makes an image of a range of a lane.
    pub(crate) fn image(&mut self, lane: usize, plan: u32, at: (u64, u32), marks: Marks) -> Image {
        Image {
            lane: lane as u32,
            plan,
            start: at.0,
            len: at.1,
            marks: self.mark(marks),
        }
    }

    fn mark(&mut self, marks: Marks) -> u32 {
        if marks.is_empty() {
            return NO_MARKS;
        }
        self.marks.push(marks);
        (self.marks.len() - 1) as u32
    }

    /// Returns an image's bytes.
    pub(crate) fn bytes(&self, image: &Image) -> &[u8] {
        if image.lane == ASIDE {
            let start = image.start as usize;
            return self
                .aside
                .get(start..start + image.len as usize)
                .unwrap_or(&[]);
        }
        self.lanes[image.lane as usize].bytes((image.start, image.len))
    }

    /// Returns what is known of an image beyond its bytes.
    pub(crate) fn marks(&self, image: &Image) -> &Marks {
        self.marks.get(image.marks as usize).unwrap_or(&UNMARKED)
    }

    /// Splits an image into its fields.
    pub(crate) fn split<'a>(
        &'a self,
        image: &Image,
        fields: &mut Vec<&'a [u8]>,
    ) -> Result<(), AvroError> {
        let plan = &self.plans[image.plan as usize];
        plan.schema.row().split(self.bytes(image), fields)
    }

    /// Returns the memory held outside the lanes.
    pub(crate) fn aside(&self) -> usize {
        self.aside.len() + self.marks.len() * size_of::<Marks>()
    }

    /// Copies an image to where it survives the release of its lane.
    pub(crate) fn keep(&self, kept: &mut Kept, image: &Image) -> Image {
        let start = kept.aside.len() as u64;
        kept.aside.extend_from_slice(self.bytes(image));
        let marks = self.marks(image);
        let at = if marks.is_empty() {
            NO_MARKS
        } else {
            kept.marks.push(marks.clone());
            (kept.marks.len() - 1) as u32
        };
        Image {
            lane: ASIDE,
            start,
            marks: at,
            ..*image
        }
    }

    /// Forgets all images but those kept.
    pub(crate) fn release(&mut self, kept: Kept) {
        self.aside = kept.aside;
        self.marks = kept.marks;
        for lane in &mut self.lanes {
            lane.release();
        }
    }

    fn plain(&self, image: &Image) -> bool {
        self.marks(image).is_empty()
    }
}

impl Images for Rows {
    type Image = Image;

    fn compare(&self, before: &Image, live: &Image) -> Likeness {
        if before.plan == live.plan && self.plain(before) && self.plain(live) {
            return if self.bytes(before) == self.bytes(live) {
                Likeness::Same
            } else {
                Likeness::Different
            };
        }
        let (mut old, mut new) = (Vec::new(), Vec::new());
        if before.plan != live.plan
            || self.split(before, &mut old).is_err()
            || self.split(live, &mut new).is_err()
        {
            return Likeness::Possible;
        }
        let inexact = |image: &Image, field: u16| {
            let marks = self.marks(image);
            marks.unknown.contains(&field) || marks.special.iter().any(|(at, _)| *at == field)
        };
        let mut answer = Likeness::Same;
        for (field, (a, b)) in old.iter().zip(&new).enumerate() {
            let field = field as u16;
            if inexact(before, field) || inexact(live, field) {
                answer = Likeness::Possible;
            } else if a != b {
                return Likeness::Different;
            }
        }
        answer
    }

    fn hash(&self, image: &Image) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.bytes(image));
        hasher.finish()
    }

    fn alike(&self, one: &Image, other: &Image) -> bool {
        let (marks, others) = (self.marks(one), self.marks(other));
        let whole = marks.unknown.is_empty() && others.unknown.is_empty();
        whole
            && one.plan == other.plan
            && marks.special == others.special
            && self.bytes(one) == self.bytes(other)
    }

    fn merge(&mut self, newer: Image, older: &Image) -> Image {
        if self.marks(&newer).unknown.is_empty() || newer.plan != older.plan {
            return newer;
        }
        let mut marks = self.marks(&newer).clone();
        let from = self.marks(older).clone();
        let mut bytes = Vec::new();
        {
            let (mut new, mut old) = (Vec::new(), Vec::new());
            if self.split(&newer, &mut new).is_err() || self.split(older, &mut old).is_err() {
                return newer;
            }
            for (field, (new, old)) in new.iter().zip(&old).enumerate() {
                let missing = marks.unknown.contains(&(field as u16));
                bytes.extend_from_slice(if missing { old } else { new });
            }
        }
        let taken = |(field, _): &&(u16, Box<[u8]>)| marks.unknown.contains(field);
        let special: Vec<_> = from.special.iter().filter(taken).cloned().collect();
        marks.special.extend(special);
        marks.unknown.retain(|field| from.unknown.contains(field));
        let start = self.aside.len() as u64;
        self.aside.extend_from_slice(&bytes);
        Image {
            lane: ASIDE,
            plan: newer.plan,
            start,
            len: bytes.len() as u32,
            marks: self.mark(marks),
        }
    }
}
