//! [`Share`]: how much of one thing comes with each of another, lately.

/// What is seen is worth so much less when so much more was seen: 500 at a time are remembered.
const KEPT: f64 = 500.0;

/// A mean that begins with what is believed, and forgets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    some: f64,
    of: f64,
}

impl Share {
    /// `value` is believed as if it had been seen of `weight`.
    pub fn new(value: f64, weight: f64) -> Self {
        Self { some: value * weight, of: weight }
    }

    /// `some` were seen, and `of`; they need not be in step.
    pub fn add(&mut self, some: f64, of: f64) {
        self.some += some;
        self.of += of;
        if self.of > KEPT {
            let less = KEPT / self.of;
            self.some *= less;
            self.of *= less;
        }
    }

    pub fn get(&self) -> f64 {
        self.some / self.of
    }
}
