//! What a form shows when it comes back with mistakes.

use crate::kernel::{Lang, Refusal};
use crate::web::words;

/// The mistakes of a form, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<(String, String)>);

impl Mistakes {
    pub fn of(refusal: &Refusal, lang: Lang) -> Mistakes {
        let told = |error: &crate::kernel::FieldError| (error.field.clone(), words::message(lang, &error.message));
        let mut mistakes: Vec<_> = refusal.errors.iter().map(told).collect();
        if mistakes.is_empty() {
            mistakes.push((String::new(), words::message(lang, &refusal.detail)));
        }
        Mistakes(mistakes)
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, text)| text.as_str())
    }

    pub fn all(&self) -> &[(String, String)] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
