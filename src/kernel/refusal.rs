//! A rule's expected "no". A refusal is not a failure of the machine: it changes nothing and tells the caller what to do.

use super::Code;
use super::lang::Words;

/// Words to show, by key into `assets/words`, with the values its `{name}` places take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub key: &'static str,
    pub values: Vec<(&'static str, String)>,
    /// Values that are texts of the owner's: they are shown in the language the message is read in. A boxed slice keeps refusals
    /// small enough to be returned by value.
    pub words: Box<[(&'static str, Words)]>,
}

impl Message {
    pub fn new(key: &'static str) -> Self {
        Self { key, values: Vec::new(), words: Box::default() }
    }

    /// Sets the value of the place `{name}`.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// Sets the value of the place `{name}` to a text that exists in every language.
    pub fn with_words(mut self, name: &'static str, words: &Words) -> Self {
        let mut all = self.words.into_vec();
        all.push((name, words.clone()));
        self.words = all.into();
        self
    }
}

/// One thing wrong with one field of the input. `field` is a path such as `shipping_address.postal_code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub message: Message,
}

/// Why a request is not carried out, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub detail: Message,
    /// Filled for [`Code::InvalidInput`]; empty otherwise.
    pub errors: Vec<FieldError>,
    /// Further members of the problem document, for example the order as it is now for `order_changed`.
    pub extra: Vec<(&'static str, serde_json::Value)>,
    /// Seconds after which trying again makes sense.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    /// A refusal whose words stand under `key`.
    pub fn new(code: Code, key: &'static str) -> Self {
        Self::because(code, Message::new(key))
    }

    pub fn because(code: Code, detail: Message) -> Self {
        Self { code, detail, errors: Vec::new(), extra: Vec::new(), retry_after_s: None }
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "problem.not_found")
    }

    /// A 422 that names one field.
    pub fn field(field: impl Into<String>, message: Message) -> Self {
        Self::fields(vec![FieldError { field: field.into(), message }])
    }

    /// A 422 that names every field in `errors`.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Code::InvalidInput, "problem.invalid_input") }
    }

    pub fn with_extra(mut self, name: &'static str, value: serde_json::Value) -> Self {
        self.extra.push((name, value));
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

/// Collects every mistake in an input before refusing it, so that a form shows all of them at once.
#[derive(Debug, Default)]
pub struct Mistakes(Vec<FieldError>);

impl Mistakes {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, field: impl Into<String>, message: Message) {
        self.0.push(FieldError { field: field.into(), message });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` when nothing was found wrong.
    pub fn into_result(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::fields(self.0)) }
    }
}
