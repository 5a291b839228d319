//! A letter, and how it becomes the bytes of RFC 5322.

use super::{Outcome, Reason, Trouble};
use crate::kernel::Moment;
use crate::kernel::text::looks_like_email;
use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use std::time::{Duration, UNIX_EPOCH};

/// One mail to one person. The same letter always gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Shown beside the address of the sender; may be empty.
    pub from_name: String,
    pub from: String,
    pub to: String,
    pub reply_to: Option<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Without the angle brackets. The same on every try, by which mail programs know repeats.
    pub message_id: String,
    pub date: Moment,
}

impl Letter {
    /// # Errors
    /// An address that is none, or a line break where a header ends: nothing from outside can add a header.
    pub(super) fn build(&self) -> Result<Message, Trouble> {
        let malformed = |what: &str| Trouble::new(Outcome::Refused, Reason::Malformed, what);
        let one_line = |text: &str| !text.chars().any(char::is_control);
        if !one_line(&self.subject) || !one_line(&self.from_name) {
            return Err(malformed("a line break in the subject or the sender's name"));
        }
        let id_is_plain = self.message_id.chars().all(|c| c.is_ascii_alphanumeric() || "@.-_".contains(c));
        if !id_is_plain || self.message_id.matches('@').count() != 1 {
            return Err(malformed("the Message-ID"));
        }
        let mailbox = |name: &str, address: &str| -> Result<Mailbox, Trouble> {
            let parsed = address.parse().ok().filter(|_| looks_like_email(address));
            let address = parsed.ok_or_else(|| malformed("this is no e-mail address"))?;
            Ok(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), address))
        };
        let since_1970 = Duration::from_millis(u64::try_from(self.date.unix_millis()).unwrap_or(0));
        let mut message = Message::builder()
            .from(mailbox(&self.from_name, &self.from)?)
            .to(mailbox("", &self.to)?)
            .subject(self.subject.as_str())
            .date(UNIX_EPOCH + since_1970)
            .message_id(Some(format!("<{}>", self.message_id)))
            // RFC 3834: keeps holiday replies from answering a machine.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(mailbox("", reply_to)?);
        }
        let local: String = self.message_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let body = MultiPart::alternative()
            .boundary(format!("part-{local}"))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(self.text.clone()))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(self.html.clone()));
        message.multipart(body).map_err(|error| malformed(&error.to_string()))
    }
}
