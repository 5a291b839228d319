//! Parcel numbers that come back from a carrier's program: what each row of the file means, and what would become of its order.

use super::carrier::Carrier;
use super::read;
use crate::kernel::text::clean_line;
use crate::kernel::{Error, Fault, Lang, Result};
use crate::orders::{self, OrderId, Status};
use crate::store::Snapshot;
use crate::web::{Visit, words};
use serde::Serialize;

/// More rows than this are not a day's parcels.
pub const MOST_ROWS: usize = 2000;

/// Columns by which the order is known.
const ORDER: &[&str] = &["お客様管理番号", "お客様側管理番号", "order_number", "注文番号", "管理番号"];
/// Columns with the parcel's number, and whose they are.
const NUMBER: &[(&str, Option<Carrier>)] = &[
    ("伝票番号", Some(Carrier::Yamato)),
    ("お問い合せ送り状no.", Some(Carrier::Sagawa)),
    ("お問い合せ送り状no", Some(Carrier::Sagawa)),
    ("お問い合わせ番号", Some(Carrier::JapanPost)),
    ("tracking_number", None),
    ("追跡番号", None),
    ("送り状番号", None),
];
const CARRIER: &[&str] = &["carrier", "配送会社", "運送会社"];

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Line of the file, from 1.
    pub line: usize,
    pub order_number: String,
    pub carrier: String,
    pub number: String,
}

/// What becomes, or became, of a row.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = TrackingRow)]
pub struct Outcome {
    pub line: usize,
    pub order_number: String,
    #[schema(value_type = Option<String>, format = Uuid)]
    pub order_id: Option<OrderId>,
    pub carrier: String,
    pub number: String,
    /// `will_ship` in a dry run, `shipped` when it was done, `already` when it had been done, `refused`.
    pub result: &'static str,
    /// Why it is refused, in the caller's language.
    pub message: String,
}

/// Reads a file: ours, a carrier's with its head, B2's without one, or two plain columns. `fallback` is the carrier where the file names none.
pub fn read(text: &str, fallback: Option<Carrier>) -> Vec<Said> {
    let rows = read::rows(text);
    let Some(first) = rows.first() else { return Vec::new() };
    let head: Vec<String> = first.iter().map(|cell| cell.trim().to_lowercase()).collect();
    let place = |names: &[&str]| head.iter().position(|cell| names.contains(&cell.as_str()));
    let order = place(ORDER);
    let number = NUMBER.iter().find_map(|(name, carrier)| Some((place(&[name])?, *carrier)));
    let (order, number, of_file, carrier, skip) = match (order, number) {
        (Some(order), Some((number, of_file))) => (order, number, of_file, place(CARRIER), 1),
        // B2 writes its head only when asked to.
        _ if first.len() >= 42 => (0, 3, Some(Carrier::Yamato), None, 0),
        _ => (0, 1, None, (first.len() > 2).then_some(2), 0),
    };
    let title = of_file.or(fallback).map_or("", Carrier::title);
    let said = rows.iter().enumerate().skip(skip).map(|(at, row)| {
        let cell = |at: usize| row.get(at).map_or("", |cell| cell.trim()).trim_start_matches('\'').to_owned();
        let named = carrier.map(cell).filter(|name| !name.is_empty());
        Said {
            line: at + 1,
            order_number: cell(order).to_uppercase(),
            carrier: named.unwrap_or_else(|| title.to_owned()),
            number: cell(number),
        }
    });
    said.filter(|row| !(row.order_number.is_empty() && row.number.is_empty())).collect()
}

/// The rows as a plain file, to be sent again when it is applied.
pub fn plain(rows: &[Said]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |row: &Said| [&row.order_number, &row.number, &row.carrier].map(|cell| quoted(cell)).join(",");
    let lines = rows.iter().map(line).collect::<Vec<_>>().join("\n");
    format!("order_number,tracking_number,carrier\n{lines}\n")
}

/// What would become of each row, changing nothing.
///
/// # Errors
/// A database that cannot be read.
pub fn look(tx: &impl Snapshot, lang: Lang, rows: &[Said]) -> Result<Vec<Outcome>, Fault> {
    let mut seen: Vec<&str> = Vec::new();
    let mut outcomes = Vec::with_capacity(rows.len());
    for row in rows {
        let order = orders::by_number(tx, &row.order_number)?;
        let id = order.as_ref().map(|order| order.id);
        let no = |key: &str| ("refused", words::text(lang, key).to_owned());
        let (result, message) = match &order {
            _ if clean_line(&row.number, 60).map_or(true, |number| number.is_empty()) => no("exports.number_form"),
            _ if is_rounded(&row.number) => no("exports.number_rounded"),
            None => no("exports.order_unknown"),
            Some(order) if order.tracking.iter().any(|parcel| parcel.number == row.number) => {
                ("already", String::new())
            }
            Some(_) if seen.contains(&row.order_number.as_str()) => no("exports.order_twice"),
            Some(order) if order.status == Status::Processing || order.pays_at_door() && order.shipped_at.is_none() => {
                ("will_ship", String::new())
            }
            Some(order) => {
                let state = words::text(lang, &format!("orders.status.{}", order.status.name())).to_owned();
                ("refused", words::fill(words::text(lang, "exports.order_state"), &[("state", state)]))
            }
        };
        seen.push(&row.order_number);
        outcomes.push(outcome(row, id, result, message));
    }
    Ok(outcomes)
}

/// `1.11122E+11`: what a spreadsheet makes of a long number. Its last digits are lost.
fn is_rounded(number: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    number.to_ascii_uppercase().split_once("E+").is_some_and(|(head, tail)| is_number(head) && is_number(tail))
}

fn outcome(row: &Said, order_id: Option<OrderId>, result: &'static str, message: String) -> Outcome {
    let Said { line, order_number, carrier, number } = row.clone();
    Outcome { line, order_number, order_id, carrier, number, result, message }
}

/// Ships the orders of all rows that can be, each in a transaction of its own with its mail, its history and its audit entry.
///
/// # Errors
/// A database that cannot be read or written; what was shipped before stays so.
pub async fn apply(visit: &Visit, rows: &[Said]) -> Result<Vec<Outcome>> {
    let looked = look(&visit.shop.store().read()?, visit.lang, rows)?;
    let mut outcomes = Vec::with_capacity(looked.len());
    for (found, row) in looked.into_iter().zip(rows) {
        let Some(id) = found.order_id.filter(|_| found.result == "will_ship") else {
            outcomes.push(found);
            continue;
        };
        let (asker, parcel) = (visit.clone(), row.clone());
        let shipped = visit.shop.store().write(move |tx| orders::ship(tx, &asker, id, &parcel.carrier, &parcel.number));
        outcomes.push(match shipped.await {
            Ok(_) => Outcome { result: "shipped", ..found },
            Err(Error::Refused(refusal)) => {
                let message = match refusal.errors.first() {
                    Some(error) => words::message(visit.lang, &error.message),
                    None => words::message(visit.lang, &refusal.detail),
                };
                Outcome { result: "refused", message, ..found }
            }
            Err(fault) => return Err(fault),
        });
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: usize, order: &str, carrier: &str, number: &str) -> Said {
        Said { line, order_number: order.into(), carrier: carrier.into(), number: number.into() }
    }

    #[test]
    fn files_of_every_carrier_are_understood() {
        let yamato = "お客様管理番号,送り状種類,クール区分,伝票番号\nPS-000001,0,,'123456789012\n";
        assert_eq!(read(yamato, None), [said(2, "PS-000001", "ヤマト運輸", "123456789012")]);
        let sagawa = "お問い合せ送り状No.,お客様管理番号\n4001,ps-000002\n,\n";
        assert_eq!(read(sagawa, None), [said(2, "PS-000002", "佐川急便", "4001")]);
        let post = "お客様側管理番号,お問い合わせ番号\nPS-000003,193715301010\n";
        assert_eq!(read(post, Some(Carrier::Yamato)), [said(2, "PS-000003", "日本郵便", "193715301010")]);
        let headless = format!("PS-000004,0,,77{}", ",".repeat(40));
        assert_eq!(read(&headless, None), [said(1, "PS-000004", "ヤマト運輸", "77")]);
        assert_eq!(read("PS-000005,9", Some(Carrier::Sagawa)), [said(1, "PS-000005", "佐川急便", "9")]);
    }

    #[test]
    fn numbers_that_a_spreadsheet_rounded_are_known() {
        assert!(is_rounded("1.11122E+11") && is_rounded("4e+11"));
        assert!(
            !is_rounded("111122223333") && !is_rounded("EE123456789JP") && !is_rounded("12E34") && !is_rounded("E+1")
        );
    }

    #[test]
    fn what_is_sent_again_reads_the_same() {
        let rows = [said(2, "PS-000001", "DHL, \"Express\"", "1"), said(3, "PS-000002", "", "2")];
        assert_eq!(read(&plain(&rows), None), rows);
        assert!(read("", None).is_empty());
    }
}
