//! `petstar check`: configuration, database, files, audit chain, Stripe and mail, in plain words.

use super::backup;
use super::commands::{self, Outcome};
use crate::kernel::{Error, Fault};
use crate::shop::{DATABASE, Shop};
use crate::store::derived::{self, Difference};
use crate::store::{BlobRef, ReadTx, WriteTx, integrity};
use crate::{catalog, designs, mail, orders, payments, people, queue};
use serde_json::json;
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
    if repair {
        found.fine.extend(repair_all(shop)?);
    }
    let tx = shop.store().read()?.leniently();
    let mut rows = 0u64;
    for table in tx.tables()? {
        tx.walk(&table, |_, _| {
            rows += 1;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    // In the one write there is at a time, so that nobody else writes meanwhile.
    let database = shop.data_dir().join(DATABASE);
    match shop.store().write_blocking(move |_| integrity::look(&database)) {
        Ok(()) => found.fine.push(format!("The database is whole: {rows} rows.")),
        Err(fault) => found.wrong.push(format!("The database is damaged: {fault}. Restore the last backup.")),
    }

    let wrong = self::rows(&tx, &|blob| shop.blobs().verify(blob).is_ok())?;
    let unreadable = tx.unreadable();
    found.wrong.extend(unreadable.iter().map(|words| format!("Unreadable: {words}.")));
    if wrong.is_empty() && unreadable.is_empty() {
        found.fine.push("Every picture, design and order is complete, and every total adds up.".into());
    }
    found.wrong.extend(wrong);

    let audit = people::audit::verify_chain(&tx)?;
    if audit.broken.is_none() {
        found.fine.push(format!("The audit log is unbroken: {} entries.", audit.entries));
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
    let backup = backup::standing(shop, &tx)?;
    if backup.is_late || backup.last.is_none() || backup.trouble.is_some() {
        found.notes.push(backup.words());
    } else {
        found.fine.push(backup.words());
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

/// Everything wrong with the rows of a snapshot, in words. `is_whole` looks whether a file is there as it was stored.
///
/// # Errors
/// A database that cannot be read.
pub fn rows(tx: &ReadTx, is_whole: &dyn Fn(&BlobRef) -> bool) -> Result<Vec<String>, Fault> {
    let mut wrong = designs::check(tx, is_whole)?;
    wrong.extend(orders::check(tx)?);
    wrong.extend(payments::check(tx)?);
    wrong.extend(people::mails::check(tx)?);
    wrong.extend(queue::contradictions(tx)?);
    let audit = people::audit::verify_chain(tx)?;
    wrong.extend(audit.broken.map(|at| format!("The audit log was changed after the fact: {at}.")));
    wrong.extend(differences(tx)?.into_iter().map(|found| {
        format!(
            "The list {} does not fit its rows: {} entries are missing, {} too many. `petstar check --repair` makes it again.",
            found.table, found.missing, found.surplus
        )
    }));
    Ok(wrong)
}

/// Does `$work` with every group of tables that only repeat others.
macro_rules! in_every_list {
    ($tx:ident, $work:path) => {
        in_every_list!(
            $tx, $work: orders::table, orders::coupons::table, orders::refunds, payments, people::mails, people::audit, queue
        )
    };
    ($tx:ident, $work:path: $($($room:ident)::+),+) => {
        [$($work($tx, $($room)::+::FOLLOWING, |visit| $($room)::+::follow($tx, visit))?),+]
    };
}

/// How the tables that only repeat others differ from those.
fn differences(tx: &ReadTx) -> Result<Vec<Difference>, Fault> {
    Ok(in_every_list!(tx, derived::compare).into_iter().flatten().collect())
}

/// Makes them fit, and lists every file that is in use. All of it follows from rows that stay as they are. Gives the number of rows changed.
fn mend(tx: &WriteTx) -> Result<u64, Fault> {
    Ok(designs::list_files(tx)? + in_every_list!(tx, derived::mend).into_iter().sum::<u64>())
}

/// What is safe to repair: nothing that anybody wrote is changed or lost.
fn repair_all(shop: &Shop) -> Result<Vec<String>, Fault> {
    let mut done = Vec::new();
    // First the lists, for the sweep goes by them.
    let changed = shop.store().write_blocking(mend)?;
    if changed > 0 {
        done.push(format!("Repaired: {changed} entries of lists that did not fit their rows."));
    }
    let (inner, now) = (shop.clone(), shop.now());
    let requeued = shop.store().write_blocking(move |tx| {
        let mails = people::mails::requeue(tx, &inner, now)?;
        let designs = designs::requeue(tx, &inner, now)?;
        Ok::<_, Fault>([(mails, "mails"), (designs, "designs"), (payments::requeue(tx, now)?, "events of Stripe")])
    })?;
    for (count, what) in requeued.into_iter().filter(|(count, _)| *count > 0) {
        done.push(format!("Repaired: {count} {what} that waited for a job that was gone have one again."));
    }
    let before = shop.now().plus_days(-1);
    let swept = shop.blobs().sweep(|file| designs::blobs_in_use(&shop.store().read()?, file), before)?;
    if swept.files > 0 {
        done.push(format!("Repaired: {} files without a row, older than a day, were removed.", swept.files));
    }
    if done.is_empty() {
        done.push("Nothing was there that can be repaired by itself.".into());
    }
    let (products, orders) = (catalog::reindex(shop)?, orders::finding::reindex(shop)?);
    done.push(format!("The search index was built anew, with {products} products and {orders} orders."));
    let told = done.clone();
    shop.store().write_blocking(move |tx| commands::record(tx, "shop.repaired", json!({"done": told}), now))?;
    Ok(done)
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
