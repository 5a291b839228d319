//! `petstar check`: configuration, database, files, audit chain, Stripe and mail, in plain words.

use super::commands::Outcome;
use crate::kernel::{Error, Fault};
use crate::shop::Shop;
use crate::{designs, mail, orders, people, queue};
use std::fmt::Write;
use std::ops::ControlFlow;

/// What was found. What is wrong makes the command fail; notes do not.
#[derive(Debug, Default)]
struct Findings {
    fine: Vec<String>,
    notes: Vec<String>,
    wrong: Vec<String>,
}

pub async fn run(shop: &Shop, repair: bool) -> Result<Outcome, Error> {
    let mut found = Findings::default();
    let inside = tokio::task::spawn_blocking({
        let shop = shop.clone();
        move || look_inside(&shop, repair)
    });
    match inside.await.map_err(|error| Fault::bug(error.to_string()))? {
        Ok(inside) => found = inside,
        Err(fault) => found.wrong.push(format!("The data folder could not be read to the end: {fault}.")),
    }
    look_outside(shop, &mut found).await;
    let mut stdout = String::new();
    for (mark, lines) in [("ok   ", &found.fine), ("note ", &found.notes), ("WRONG", &found.wrong)] {
        for line in lines {
            let _ = writeln!(stdout, "{mark} {line}");
        }
    }
    Ok(Outcome { stdout, stderr: String::new(), code: u8::from(!found.wrong.is_empty()) })
}

/// The database and the files it names, in one snapshot.
fn look_inside(shop: &Shop, repair: bool) -> Result<Findings, Fault> {
    let mut found = Findings::default();
    let tx = shop.store().read()?;
    let mut rows = 0u64;
    for table in tx.tables()? {
        tx.walk(&table, |_, _| {
            rows += 1;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    found.fine.push(format!("The database is whole: {rows} rows."));

    let mut wrong = designs::check(shop, &tx)?;
    wrong.extend(queue::contradictions(&tx)?);
    orders::table::each(&tx, |order| {
        if let Some(what) = orders::table::inconsistency(&order) {
            wrong.push(format!("Order {}: {what}.", order.order_number));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if wrong.is_empty() {
        found.fine.push("Every picture, design and order is complete, and every total adds up.".into());
    }
    found.wrong.extend(wrong);

    let audit = people::audit::verify_chain(&tx)?;
    match audit.broken {
        None => found.fine.push(format!("The audit log is unbroken: {} entries.", audit.entries)),
        Some(at) => found.wrong.push(format!("The audit log was changed after the fact: {at}.")),
    }
    let mut loose = 0u64;
    shop.blobs().each(|digest, _| {
        loose += u64::from(!designs::blobs_in_use(&tx, &digest)?);
        Ok(())
    })?;
    if loose > 0 {
        found
            .notes
            .push(format!("{loose} files belong to no row. They are swept by themselves when they are a day old."));
    }
    found.notes.push("No backup is set up: copy the data folder somewhere else while the shop is stopped.".into());
    if repair {
        let before = shop.now().plus_days(-1);
        let swept = shop.blobs().sweep(|file| designs::blobs_in_use(&shop.store().read()?, file), before)?;
        let what = match swept.files {
            0 => "Nothing was there that can be repaired by itself.".to_owned(),
            files => format!("Repaired: {files} files without a row, older than a day, were removed."),
        };
        found.fine.push(what);
    }
    let settings = shop.settings();
    let missing = people::setup::missing(&settings);
    if !missing.is_empty() {
        found
            .notes
            .push(format!("The set-up is not finished: {} things are missing in the panel's settings.", missing.len()));
    }
    Ok(found)
}

/// Stripe and the mail server.
async fn look_outside(shop: &Shop, found: &mut Findings) {
    let config = shop.config();
    match &config.stripe.keys {
        None => found.notes.push("No Stripe keys are set: payments are play money.".into()),
        Some(keys) => {
            let mut stripe = crate::stripe::StripeConfig::new(keys.secret_key.expose());
            if let Some(base) = &config.stripe.api_base {
                stripe.api_base = base.clone();
            }
            match crate::stripe::Stripe::new(stripe) {
                Ok(stripe) => match stripe.reach().await {
                    Ok(reach) => {
                        let mode = if reach.livemode { "live" } else { "test" };
                        found.fine.push(format!("Stripe answers, in {mode} mode."));
                        if let Some(theirs) = reach.stripe_time {
                            let skew_s = shop.now().millis_since(theirs) / 1000;
                            if skew_s.abs() > 60 {
                                found.wrong.push(format!(
                                    "This machine's clock is {skew_s} s off Stripe's, so webhooks will be refused. Set the clock."
                                ));
                            }
                        }
                    }
                    Err(error) => found.wrong.push(format!("Stripe does not answer as it should: {error}.")),
                },
                Err(fault) => found.wrong.push(format!("The Stripe settings cannot be used: {fault}.")),
            }
        }
    }
    let url = config.mail.smtp_url.as_ref().map(|url| url.expose());
    if url.is_none() {
        found.notes.push("No mail server is set: mails are files in the outbox folder.".into());
        return;
    }
    match mail::Mailer::new(url, &config.data_dir.join("outbox")) {
        Err(fault) => found.wrong.push(format!("`mail.smtp_url` cannot be used: {fault}.")),
        Ok(mailer) => match mailer.reach().await {
            Ok(words) => found.fine.push(words),
            Err(words) => found.wrong.push(words),
        },
    }
}
