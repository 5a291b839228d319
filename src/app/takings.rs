//! What was taken today and this month, as figures and as small charts.

use crate::kernel::{Currency, Fault, Moment, Money};
use crate::orders::lists::{self, Sums};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::Page;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

/// What was paid in some time, in one currency; without what was given back of it later.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Taken {
    currency: String,
    orders: i64,
    pieces: i64,
    amount: i64,
}

/// One day of the month.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Day {
    /// `2026-05-21`
    date: String,
    orders: i64,
    amount: i64,
}

/// A small chart, drawn by the template.
pub struct Chart {
    pub name: String,
    pub sum: String,
    /// How many orders, in words.
    pub orders: String,
    /// Sums in other currencies.
    pub others: Vec<String>,
    /// What it shows, in a sentence.
    pub told: String,
    pub bars: Vec<Bar>,
    pub width: u32,
    pub height: u32,
    pub axis: Vec<String>,
}

pub struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub class: &'static str,
    pub title: String,
}

/// This month, quarter of an hour by quarter of an hour.
pub struct Takings {
    /// The local date and hour of each row.
    rows: Vec<(Date, i8, String, Sums)>,
    today: Date,
    hour: i8,
    currency: Currency,
}

const HEIGHT: u32 = 60;
const STEP: u32 = 10;

impl Takings {
    /// # Errors
    /// A database that cannot be read.
    pub fn read(tx: &impl Snapshot, shop: &Shop, now: Moment) -> Result<Takings, Fault> {
        let settings = shop.settings();
        let zone = TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC);
        let local = |at: Moment| {
            let stamp = jiff::Timestamp::from_millisecond(at.unix_millis()).unwrap_or_default();
            stamp.to_zoned(zone.clone()).datetime()
        };
        let here = local(now);
        let first = here.date().first_of_month().to_zoned(zone.clone());
        let from = first.map_or(now, |first| Moment(first.timestamp().as_millisecond()));
        let rows = lists::taken(tx, from, now.plus_days(1))?;
        let rows = rows.into_iter().map(|(at, currency, sums)| {
            let at = local(at);
            (at.date(), at.hour(), currency, sums)
        });
        Ok(Takings { rows: rows.collect(), today: here.date(), hour: here.hour(), currency: settings.currency })
    }

    pub fn today(&self) -> Vec<Taken> {
        self.sums(|date| date == self.today)
    }

    pub fn this_month(&self) -> Vec<Taken> {
        self.sums(|_| true)
    }

    /// The shop's own currency first, also where nothing was taken in it.
    fn sums(&self, is_wanted: impl Fn(Date) -> bool) -> Vec<Taken> {
        let mut sums = vec![(self.currency.code().to_owned(), Sums::default())];
        for (_, _, currency, more) in self.rows.iter().filter(|row| is_wanted(row.0)) {
            match sums.iter_mut().find(|(known, _)| known == currency) {
                Some((_, sum)) => sum.add(*more),
                None => sums.push((currency.clone(), *more)),
            }
        }
        let taken = |(currency, Sums { orders, pieces, amount })| Taken { currency, orders, pieces, amount };
        sums.into_iter().map(taken).collect()
    }

    fn own(&self, is_wanted: impl Fn(Date, i8) -> bool) -> Sums {
        let mut sum = Sums::default();
        let own = self.rows.iter().filter(|row| row.2 == self.currency.code() && is_wanted(row.0, row.1));
        own.for_each(|row| sum.add(row.3));
        sum
    }

    pub fn days(&self) -> Vec<Day> {
        (1..=self.today.day())
            .filter_map(|day| self.today.with().day(day).build().ok())
            .map(|date| {
                let Sums { orders, amount, .. } = self.own(|other, _| other == date);
                Day { date: date.to_string(), orders, amount }
            })
            .collect()
    }

    pub fn charts(&self, page: &Page) -> Vec<Chart> {
        let hours: Vec<(String, Sums)> = (0..24)
            .map(|hour| (format!("{hour}:00"), self.own(|date, other| date == self.today && other == hour)))
            .collect();
        let days = i64::from(self.today.days_in_month());
        let month: Vec<(String, Sums)> = (1..=self.today.days_in_month())
            .map(|day| {
                let name = page
                    .f("panel.day_of_month", &[("day", day.to_string()), ("month", self.today.month().to_string())]);
                (name, self.own(|date, _| date.day() == day))
            })
            .collect();
        let hours_axis = ["0", "6", "12", "18", "24"].map(str::to_owned).to_vec();
        let month_axis = [1, days / 2, days].map(|day| day.to_string()).to_vec();
        let now = (self.hour as usize, self.today.day() as usize - 1);
        vec![
            self.chart(page, "panel.today_by_hour", &hours, now.0, self.today(), hours_axis),
            self.chart(page, "panel.month_by_day", &month, now.1, self.this_month(), month_axis),
        ]
    }

    fn chart(
        &self,
        page: &Page,
        key: &str,
        parts: &[(String, Sums)],
        now: usize,
        sums: Vec<Taken>,
        axis: Vec<String>,
    ) -> Chart {
        let highest = parts.iter().map(|(_, sums)| sums.amount).max().unwrap_or(0).max(1);
        let show = |minor: i64, currency: Currency| Money::new(minor, currency).show();
        let bars = parts.iter().enumerate().map(|(at, (name, sums))| {
            // What is there is seen, however small; what is not there yet is a line on the ground.
            let share = f64::from(HEIGHT) * (sums.amount.max(0) as f64 / highest as f64);
            let height = if sums.orders > 0 { share.max(2.0) } else { 1.0 };
            Bar {
                x: (at as u32 * STEP + 1).to_string(),
                y: format!("{:.1}", f64::from(HEIGHT) - height),
                width: (STEP - 2).to_string(),
                height: format!("{height:.1}"),
                class: match () {
                    () if sums.orders == 0 => "bar-none",
                    () if at == now => "bar bar-now",
                    () => "bar",
                },
                title: format!(
                    "{name}: {} · {}",
                    show(sums.amount, self.currency),
                    page.n("panel.orders", sums.orders)
                ),
            }
        });
        let bars: Vec<Bar> = bars.collect();
        let (own, others) = sums.split_first().map_or((None, &[][..]), |(own, others)| (Some(own), others));
        let sum = show(own.map_or(0, |own| own.amount), self.currency);
        let orders = page.n("panel.orders", own.map_or(0, |own| own.orders));
        let best = parts.iter().max_by_key(|(_, sums)| sums.amount).filter(|(_, sums)| sums.orders > 0);
        let told = match best {
            Some((name, sums)) => page.f(
                "panel.chart_told",
                &[
                    ("what", page.t(key).to_owned()),
                    ("sum", sum.clone()),
                    ("best", name.clone()),
                    ("amount", show(sums.amount, self.currency)),
                ],
            ),
            None => page.f("panel.chart_empty", &[("what", page.t(key))]),
        };
        let others = others.iter().filter_map(|taken| {
            let currency = taken.currency.parse::<Currency>().ok()?;
            Some(show(taken.amount, currency))
        });
        let others = others.collect();
        let width = parts.len() as u32 * STEP;
        Chart { name: page.t(key).to_owned(), sum, orders, others, told, bars, width, height: HEIGHT, axis }
    }
}
