//! The words of customers' mails: ours, or those an owner wrote instead, for each kind and language. Buttons, sums, lists and pictures stay
//! ours, so that no text can lose the way to the order.
//!
//! Begin with [`say`].

use crate::kernel::refusal::Mistakes;
use crate::kernel::text::{clean_block, clean_line};
use crate::kernel::{Code, Fault, Lang, Message, Moment, Refusal};
use crate::store::{Snapshot, Table, WriteTx};
use crate::web::words;
use serde::{Deserialize, Serialize};

static TEXTS: Table<(String, String), TextRow> = Table::new("people.mail_texts", 1);

/// A mail whose words can be written anew.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    /// Where our own words stand: subject, heading, text.
    keys: [&'static str; 3],
    /// What `{…}` may stand in it.
    pub places: &'static [&'static str],
    /// What must stand in the subject.
    pub in_subject: &'static [&'static str],
    /// What must stand in the text.
    pub in_text: &'static [&'static str],
}

const NUMBER: &[&str] = &["number"];
const PAYING: &[&str] = &["name", "number", "amount", "until", "shop"];

pub const KINDS: &[Kind] = &[
    Kind {
        name: "order_paid",
        keys: ["orders.mail_paid_subject", "orders.mail_paid_heading", "orders.mail_paid_text"],
        places: &["name", "number", "amount", "days", "shop"],
        in_subject: NUMBER,
        in_text: &[],
    },
    Kind {
        name: "order_placed",
        keys: ["orders.mail_placed_subject", "orders.mail_placed_heading", "orders.mail_placed_text"],
        places: &["name", "number", "amount", "shop"],
        in_subject: NUMBER,
        in_text: &["amount"],
    },
    Kind {
        name: "order_paid_door",
        keys: ["orders.mail_paid_door_subject", "orders.mail_paid_door_heading", "orders.mail_paid_door_text"],
        places: &["name", "number", "amount", "shop"],
        in_subject: NUMBER,
        in_text: &[],
    },
    Kind {
        name: "order_shipped",
        keys: ["orders.mail_shipped_subject", "orders.mail_shipped_heading", "orders.mail_shipped_text"],
        places: &["name", "number", "shop"],
        in_subject: NUMBER,
        in_text: &[],
    },
    Kind {
        name: "order_delivered",
        keys: ["orders.mail_delivered_subject", "orders.mail_delivered_heading", "orders.mail_delivered_text"],
        places: &["name", "number", "shop"],
        in_subject: NUMBER,
        in_text: &[],
    },
    Kind {
        name: "order_pay_how",
        keys: ["orders.mail_pay_how_subject", "orders.mail_pay_how_heading", "orders.mail_pay_how_text"],
        places: PAYING,
        in_subject: NUMBER,
        in_text: &["amount", "until"],
    },
    Kind {
        name: "order_pay_reminder",
        keys: ["orders.mail_pay_reminder_subject", "orders.mail_pay_reminder_heading", "orders.mail_pay_reminder_text"],
        places: PAYING,
        in_subject: NUMBER,
        in_text: &["amount", "until"],
    },
    Kind {
        name: "order_pay_lapsed",
        keys: ["orders.mail_pay_lapsed_subject", "orders.mail_pay_lapsed_heading", "orders.mail_pay_lapsed_text"],
        places: PAYING,
        in_subject: NUMBER,
        in_text: &[],
    },
    Kind {
        name: "order_refunded",
        keys: ["orders.mail_refunded_subject", "orders.mail_refunded_heading", "orders.mail_refunded_all"],
        places: &["name", "number", "amount", "shop"],
        in_subject: NUMBER,
        in_text: &["amount"],
    },
    Kind {
        name: "order_refunded_part",
        keys: ["orders.mail_refunded_subject", "orders.mail_refunded_heading", "orders.mail_refunded_part"],
        places: &["name", "number", "amount", "shop"],
        in_subject: NUMBER,
        in_text: &["amount"],
    },
    Kind {
        name: "order_refunded_hand",
        keys: ["orders.mail_refunded_subject", "orders.mail_refunded_heading", "orders.mail_refunded_all_hand"],
        places: &["name", "number", "amount", "shop"],
        in_subject: NUMBER,
        in_text: &["amount"],
    },
    Kind {
        name: "order_refunded_part_hand",
        keys: ["orders.mail_refunded_subject", "orders.mail_refunded_heading", "orders.mail_refunded_part_hand"],
        places: &["name", "number", "amount", "shop"],
        in_subject: NUMBER,
        in_text: &["amount"],
    },
    Kind {
        name: "change_asked",
        keys: ["panel.mail_change_subject", "panel.mail_change_heading", "panel.mail_change_text"],
        places: &["name", "number", "piece", "shop"],
        in_subject: NUMBER,
        in_text: &["piece"],
    },
    Kind {
        name: "sign_in",
        keys: ["mail.sign_in_subject", "mail.sign_in_heading", "mail.sign_in_text"],
        places: &["shop"],
        in_subject: &[],
        in_text: &[],
    },
];

impl Kind {
    pub fn from_name(name: &str) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Our own words.
    pub fn default_text(&self, lang: Lang) -> MailText {
        let [subject, heading, text] = self.keys.map(|key| words::text(lang, key).to_owned());
        MailText { subject, heading, text }
    }
}

/// Subject, heading and text of a mail, with or without their places filled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct MailText {
    pub subject: String,
    pub heading: String,
    /// An empty line begins a new paragraph.
    pub text: String,
}

impl MailText {
    pub fn fill(&self, values: &[(&str, String)]) -> MailText {
        let fill = |text: &str| words::fill(text, values);
        MailText { subject: fill(&self.subject), heading: fill(&self.heading), text: fill(&self.text) }
    }

    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n\n").map(str::trim).filter(|text| !text.is_empty())
    }
}

/// What an owner wrote. An empty part stands for our own words, also for those of a later petstar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextRow {
    pub own: MailText,
    /// Goes up by one with every change.
    pub version: u64,
    pub changed_at: Moment,
}

impl TextRow {
    pub fn is_own(&self) -> bool {
        self.own != MailText::default()
    }

    /// The words that count.
    pub fn text(&self, kind: &Kind, lang: Lang) -> MailText {
        let ours = kind.default_text(lang);
        let pick = |own: &str, ours: String| if own.is_empty() { ours } else { own.to_owned() };
        MailText {
            subject: pick(&self.own.subject, ours.subject),
            heading: pick(&self.own.heading, ours.heading),
            text: pick(&self.own.text, ours.text),
        }
    }
}

fn key(kind: &Kind, lang: Lang) -> (String, String) {
    (kind.name.to_owned(), lang.tag().to_owned())
}

/// # Errors
/// A database that cannot be read.
pub fn find(tx: &impl Snapshot, kind: &Kind, lang: Lang) -> Result<TextRow, Fault> {
    Ok(TEXTS.get(tx, &key(kind, lang))?.unwrap_or_default())
}

/// # Errors
/// A database that cannot be written.
pub fn put(tx: &WriteTx, kind: &Kind, lang: Lang, row: &TextRow) -> Result<(), Fault> {
    TEXTS.put(tx, &key(kind, lang), row)
}

/// What a mail of this kind says, its places filled with `values`.
///
/// # Errors
/// A database that cannot be read; a kind that is none of [`KINDS`].
pub fn say(tx: &impl Snapshot, kind: &str, lang: Lang, values: &[(&str, String)]) -> Result<MailText, Fault> {
    let kind = Kind::from_name(kind).ok_or_else(|| Fault::bug(format!("no mail is called {kind}")))?;
    Ok(find(tx, kind, lang)?.text(kind, lang).fill(values))
}

const MAX_LINE: usize = 150;
const MAX_TEXT: usize = 4000;

/// Checks words as they were typed. What is empty, or the same as ours, is stored as empty.
///
/// # Errors
/// 422 that names every part with a place that this mail does not know, or without one that it needs.
pub fn check(kind: &Kind, lang: Lang, given: &MailText) -> Result<MailText, Refusal> {
    let ours = kind.default_text(lang);
    let mut mistakes = Mistakes::new();
    let parts = [
        ("subject", clean_line(&given.subject, MAX_LINE).ok(), MAX_LINE, ours.subject, kind.in_subject),
        ("heading", clean_line(&given.heading, MAX_LINE).ok(), MAX_LINE, ours.heading, &[]),
        ("text", clean_block(&given.text, MAX_TEXT).ok(), MAX_TEXT, ours.text, kind.in_text),
    ];
    let stored = parts.map(|(field, cleaned, max, ours, needed)| {
        let Some(text) = cleaned else {
            mistakes.add(field, Message::new("people.text_long").with("max", max));
            return String::new();
        };
        if text.is_empty() || text == ours {
            return String::new();
        }
        let used = places(&text);
        let braced = |names: &[&str]| names.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" ");
        if let Some(unknown) = used.iter().find(|place| !kind.places.contains(place)) {
            let message = Message::new("people.mail_place_unknown")
                .with("place", format!("{{{unknown}}}"))
                .with("known", braced(kind.places));
            mistakes.add(field, message);
        }
        let missing: Vec<&str> = needed.iter().copied().filter(|place| !used.contains(place)).collect();
        if !missing.is_empty() {
            mistakes.add(field, Message::new("people.mail_place_missing").with("places", braced(&missing)));
        }
        text
    });
    mistakes.into_result()?;
    let [subject, heading, text] = stored;
    Ok(MailText { subject, heading, text })
}

/// `old` with other words, one version later.
///
/// # Errors
/// 412 when somebody else changed them since `version`.
pub fn changed(old: &TextRow, version: Option<i64>, own: MailText, now: Moment) -> Result<TextRow, Refusal> {
    if version.is_some_and(|version| u64::try_from(version) != Ok(old.version)) {
        return Err(Refusal::new(Code::StaleVersion, "people.stale"));
    }
    if own == old.own {
        return Ok(old.clone());
    }
    Ok(TextRow { own, version: old.version + 1, changed_at: now })
}

/// What stands in braces.
fn places(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(place, _)| place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(subject: &str, text: &str) -> MailText {
        MailText { subject: subject.into(), heading: String::new(), text: text.into() }
    }

    #[test]
    fn our_own_words_pass_and_are_stored_as_nothing() {
        for kind in KINDS {
            for lang in Lang::ALL {
                let ours = kind.default_text(lang);
                assert_eq!(check(kind, lang, &ours), Ok(MailText::default()), "{} {}", kind.name, lang.tag());
                // The same rules hold for ours as for an owner's.
                for (text, needed) in [(&ours.subject, kind.in_subject), (&ours.text, kind.in_text)] {
                    let used = places(text);
                    assert!(needed.iter().all(|place| used.contains(place)), "{}: {text}", kind.name);
                    assert!(used.iter().all(|place| kind.places.contains(place)), "{}: {text}", kind.name);
                }
            }
        }
    }

    #[test]
    fn unknown_places_are_refused_and_needed_ones_named() {
        let kind = Kind::from_name("order_pay_how").unwrap();
        let refusal = check(kind, Lang::En, &typed("Pay {nmber}", "Pay {amount}.")).unwrap_err();
        let told: Vec<_> = refusal
            .errors
            .iter()
            .map(|error| (error.field.as_str(), words::message(Lang::En, &error.message)))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].0 == "subject" && told[0].1.contains("{nmber}") && told[0].1.contains("{until}"), "{told:?}");
        assert!(told[1].0 == "subject" && told[1].1.contains("{number}"), "{told:?}");
        assert!(told[2].0 == "text" && told[2].1.contains("{until}") && !told[2].1.contains("{amount}"), "{told:?}");
        let good = typed("{number}: pay", "{amount} until {until}, {name}.\n\nThank you!");
        let row = changed(&TextRow::default(), Some(0), check(kind, Lang::En, &good).unwrap(), Moment(5)).unwrap();
        assert_eq!((row.version, row.is_own()), (1, true));
        let text = row.text(kind, Lang::En);
        assert_eq!(text.heading, "One step is left", "what is empty is ours");
        let filled = text.fill(&[
            ("number", "PS-1".into()),
            ("amount", "¥1".into()),
            ("until", "May".into()),
            ("name", "{x}".into()),
        ]);
        assert_eq!(filled.paragraphs().collect::<Vec<_>>(), ["¥1 until May, {x}.", "Thank you!"]);
        assert_eq!(changed(&row, Some(0), MailText::default(), Moment(6)).unwrap_err().code, Code::StaleVersion);
    }
}
