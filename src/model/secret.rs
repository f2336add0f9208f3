//! [`Secret`]: a value that never reaches a log, a record, a report or an error text.
//!
//! The type has neither `Debug` nor `Display` nor `Serialize`: a struct that holds one cannot derive them by accident.
//! The memory is cleared when the value is dropped.

use zeroize::Zeroize;

/// A value that must not be shown or stored, cleared when dropped.
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in; from here on only [`Secret::expose`] shows it.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Call it only where bytes go to a gateway or a field is edited.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value for editing in place (the masked field of the window).
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + PartialEq> PartialEq for Secret<T> {
    /// Plain comparison: both sides are typed by the same person, so timing tells nobody anything.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Zeroize + Eq> Eq for Secret<T> {}
