//! The one function that works out what an order costs. Page, mail, export and Stripe read its result from the order.
//!
//! The steps, in this order:
//! 1. `subtotal` is the sum of the lines (unit price × quantity).
//! 2. The discount is taken off, never more than the subtotal, and shared over the lines by largest remainder. What a coupon takes off,
//!    and whether the goods reach its minimum, goes by the subtotal.
//! 3. Shipping is the fee of the place (country, at home also the region) and the extra for the size of the parcel: the largest size class
//!    in the order decides, once for the whole order. From the threshold on, measured after the discount, both are free.
//! 4. The fee for the means of payment is added.
//! 5. Tax is worked out once per rate over everything that carries this rate (lines after discount; shipping and fee at the
//!    shop's own rate) and rounded half up to a payable step of the currency. Included in the prices, it is only told;
//!    otherwise it is added.

use super::model::{TaxPart, Totals};
use crate::kernel::Currency;
use crate::shop::settings::{SIZE_CLASSES, Shipping};
use std::collections::BTreeMap;

/// What the totals of an order depend on.
#[derive(Clone, Debug)]
pub struct Basis<'a> {
    pub currency: Currency,
    pub lines: &'a [LineBasis],
    /// Minor units taken off the goods.
    pub discount: i64,
    /// Minor units, as [`shipping_fee`] says.
    pub shipping_fee: i64,
    pub payment_fee: i64,
    /// The rate of shipping and fees: per cent in hundredths.
    pub fee_rate_bp: u32,
    pub tax_included: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineBasis {
    pub unit_price: i64,
    pub quantity: u32,
    pub tax_rate_bp: u32,
}

/// The sums leave what a 64-bit number holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// The totals, and each line's share of the discount in the order of the lines.
///
/// # Errors
/// Sums that no number of minor units can hold.
pub fn totals(basis: &Basis<'_>) -> Result<(Totals, Vec<i64>), TooMuch> {
    let subtotals = basis
        .lines
        .iter()
        .map(|line| line.unit_price.checked_mul(i64::from(line.quantity)).ok_or(TooMuch))
        .collect::<Result<Vec<i64>, TooMuch>>()?;
    let subtotal = sum(subtotals.iter().copied())?;
    let discount_total = basis.discount.clamp(0, subtotal.max(0));
    let discounts = share(discount_total, &subtotals);
    let subtotal_after_discount = subtotal - discount_total;

    let mut bases: BTreeMap<u32, i64> = BTreeMap::new();
    for ((line, subtotal), discount) in basis.lines.iter().zip(&subtotals).zip(&discounts) {
        let base = bases.entry(line.tax_rate_bp).or_default();
        *base = base.checked_add(subtotal - discount).ok_or(TooMuch)?;
    }
    let fees = basis.shipping_fee.checked_add(basis.payment_fee).ok_or(TooMuch)?;
    let base = bases.entry(basis.fee_rate_bp).or_default();
    *base = base.checked_add(fees).ok_or(TooMuch)?;

    let step = basis.currency.step();
    let mut tax_breakdown = Vec::new();
    for (rate_bp, base) in bases.into_iter().rev().filter(|(_, base)| *base != 0) {
        let part = if basis.tax_included {
            let tax = round_half_up(i128::from(base) * i128::from(rate_bp), 10_000 + i128::from(rate_bp))?;
            TaxPart { rate_bp, taxable: base - tax, tax }
        } else {
            let steps = round_half_up(i128::from(base) * i128::from(rate_bp), 10_000 * i128::from(step))?;
            TaxPart { rate_bp, taxable: base, tax: steps.checked_mul(step).ok_or(TooMuch)? }
        };
        tax_breakdown.push(part);
    }
    let tax_added = if basis.tax_included { 0 } else { sum(tax_breakdown.iter().map(|part| part.tax))? };
    let amount = sum([subtotal_after_discount, fees, tax_added].into_iter())?;
    let totals = Totals {
        currency: basis.currency,
        subtotal,
        discount_total,
        subtotal_after_discount,
        shipping_fee: basis.shipping_fee,
        payment_fee: basis.payment_fee,
        tax_added,
        amount,
        tax_breakdown,
        tax_included: basis.tax_included,
    };
    Ok((totals, discounts))
}

/// The largest of these size classes; nothing for an order of nothing. A class that is not known counts as the smallest.
pub fn largest_class<'a>(classes: impl IntoIterator<Item = &'a str>) -> &'a str {
    let rank = |class: &str| SIZE_CLASSES.iter().position(|known| *known == class);
    classes.into_iter().max_by_key(|class| rank(class)).unwrap_or_default()
}

/// What it costs to send goods worth `goods` (after discounts), the largest of them of size class `class`, in minor units; `None` where
/// the shop does not send to.
pub fn shipping_fee(rule: &Shipping, country: &str, region: &str, class: &str, goods: i64) -> Option<i64> {
    let own = |fees: &[(String, i64)], place: &str| fees.iter().find(|(name, _)| name == place).map(|(_, fee)| *fee);
    let extra = rule.size_extras.iter().find(|extra| extra.class == class);
    let fee = if country == rule.home_country {
        let place = own(&rule.region_fees, region).unwrap_or(rule.home_fee);
        place.saturating_add(extra.map_or(0, |extra| extra.home))
    } else if rule.abroad_countries.iter().any(|code| code == country) {
        let usual = rule.abroad_fee?;
        let place = own(&rule.country_fees, country).unwrap_or(usual);
        place.saturating_add(extra.map_or(0, |extra| extra.abroad))
    } else {
        return None;
    };
    Some(if rule.free_from.is_some_and(|threshold| goods >= threshold) { 0 } else { fee })
}

/// `total` shared in proportion to `weights`: each part is its exact share rounded down, and what is left goes one by one to the
/// largest remainders (the earlier line first when equal).
pub fn share(total: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if whole <= 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: &i64| i128::from(total) * i128::from(*weight);
    let mut parts: Vec<i64> = weights.iter().map(|weight| (exact(weight) / whole) as i64).collect();
    let mut left = total - parts.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| (-(exact(&weights[*at]) % whole), *at));
    for at in order {
        if left == 0 {
            break;
        }
        parts[at] += 1;
        left -= 1;
    }
    parts
}

fn sum(mut amounts: impl Iterator<Item = i64>) -> Result<i64, TooMuch> {
    amounts.try_fold(0i64, |sum, amount| sum.checked_add(amount)).ok_or(TooMuch)
}

fn round_half_up(numerator: i128, denominator: i128) -> Result<i64, TooMuch> {
    i64::try_from((2 * numerator + denominator).div_euclid(2 * denominator)).map_err(|_| TooMuch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::settings::SizeExtra;
    use proptest::prelude::*;

    fn line(unit_price: i64, quantity: u32) -> LineBasis {
        LineBasis { unit_price, quantity, tax_rate_bp: 1000 }
    }

    fn yen<'a>(lines: &'a [LineBasis], shipping_fee: i64) -> Basis<'a> {
        Basis {
            currency: Currency::JPY,
            lines,
            discount: 0,
            shipping_fee,
            payment_fee: 0,
            fee_rate_bp: 1000,
            tax_included: true,
        }
    }

    #[test]
    fn two_posters_and_their_shipping() {
        let (totals, discounts) = totals(&yen(&[line(2980, 2)], 600)).unwrap();
        assert_eq!((totals.subtotal, totals.amount, totals.tax_added), (5960, 6560, 0));
        assert_eq!(totals.tax_breakdown, [TaxPart { rate_bp: 1000, taxable: 5964, tax: 596 }]);
        assert_eq!(discounts, [0]);
    }

    #[test]
    fn added_tax_is_rounded_once_per_rate_and_not_per_line() {
        // Three lines of 0.05 at 10 % are 0.015 together: 0.02. Rounded line by line it would be 0.03.
        let lines = [line(5, 1); 3];
        let basis = Basis { currency: Currency::EUR, tax_included: false, ..yen(&lines, 0) };
        let (totals, _) = totals(&basis).unwrap();
        assert_eq!((totals.tax_added, totals.amount), (2, 17));
    }

    #[test]
    fn two_rates_are_told_apart() {
        let lines = [line(1000, 1), LineBasis { unit_price: 1080, quantity: 1, tax_rate_bp: 800 }];
        let (totals, _) = totals(&yen(&lines, 100)).unwrap();
        let parts: Vec<_> = totals.tax_breakdown.iter().map(|part| (part.rate_bp, part.taxable, part.tax)).collect();
        assert_eq!(parts, [(1000, 1000, 100), (800, 1000, 80)]);
    }

    #[test]
    fn shipping_goes_by_place_and_ends_at_the_threshold() {
        let rule = Shipping::default();
        let cases = [
            ("JP", "東京都", 7999, Some(600)),
            ("JP", "東京都", 8000, Some(0)),
            ("JP", "沖縄県", 100, Some(1200)),
            ("JP", "沖縄県", 8000, Some(0)),
            ("DE", "", 100, Some(2400)),
            ("DE", "", 8000, Some(0)),
            ("XX", "", 100, None),
        ];
        for (country, region, goods, fee) in cases {
            assert_eq!(shipping_fee(&rule, country, region, "flat-small", goods), fee, "{country} {region} {goods}");
        }
        let at_home = Shipping { abroad_fee: None, ..rule };
        assert_eq!(shipping_fee(&at_home, "DE", "", "flat-small", 100), None);
    }

    #[test]
    fn the_largest_thing_decides_what_the_parcel_costs() {
        let extra = |class: &str, home, abroad| SizeExtra { class: class.into(), home, abroad };
        let rule = Shipping {
            country_fees: vec![("DE".into(), 1800)],
            size_extras: vec![extra("flat-large", 300, 500), extra("parcel-large", 900, 1500)],
            ..Shipping::default()
        };
        let fee = |country: &str, region: &str, classes: &[&str], goods: i64| {
            shipping_fee(&rule, country, region, largest_class(classes.iter().copied()), goods)
        };
        assert_eq!(fee("JP", "東京都", &["flat-small", "flat-small"], 100), Some(600));
        assert_eq!(fee("JP", "東京都", &["flat-small", "parcel-large", "flat-large"], 100), Some(1500));
        // A class between the two has no extra of its own.
        assert_eq!(fee("JP", "沖縄県", &["flat-large", "parcel-small"], 100), Some(1200));
        assert_eq!(fee("DE", "", &["flat-large"], 100), Some(2300));
        assert_eq!(fee("FR", "", &["flat-large"], 100), Some(2900));
        assert_eq!(fee("DE", "", &["parcel-large"], 8000), Some(0));
        assert_eq!(largest_class(["?", "flat-small"]), "flat-small");
    }

    #[test]
    fn shares_go_to_the_largest_remainders() {
        assert_eq!(share(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(share(10, &[199, 1, 300]), [4, 0, 6]);
        assert_eq!(share(5, &[0, 0]), [0, 0]);
    }

    #[test]
    fn what_does_not_fit_a_number_is_refused() {
        assert_eq!(totals(&yen(&[line(i64::MAX, 2)], 0)), Err(TooMuch));
        assert_eq!(totals(&yen(&[line(i64::MAX, 1), line(1, 1)], 0)), Err(TooMuch));
        assert_eq!(totals(&yen(&[line(i64::MAX, 1)], 1)), Err(TooMuch));
    }

    fn any_line() -> impl Strategy<Value = LineBasis> {
        (0i64..2_000_000, 1u32..=999, prop::sample::select(vec![0u32, 550, 800, 1000, 1900, 2550]))
            .prop_map(|(unit_price, quantity, tax_rate_bp)| LineBasis { unit_price, quantity, tax_rate_bp })
    }

    fn any_currency() -> impl Strategy<Value = Currency> {
        prop::sample::select(Currency::all())
    }

    proptest! {
        #[test]
        fn shipping_is_free_from_the_threshold_on_and_otherwise_place_and_size(
            classes in prop::collection::vec(0usize..4, 1..8),
            goods in 0i64..20_000,
            fees in prop::array::uniform4(0i64..3000),
            extras in prop::array::uniform8(0i64..3000),
            free_from in prop::option::of(0i64..20_000),
            at in 0usize..4,
        ) {
            let extra = |class: usize| SizeExtra { class: SIZE_CLASSES[class].into(), home: extras[class], abroad: extras[class + 4] };
            let rule = Shipping {
                free_from,
                home_fee: fees[0],
                region_fees: vec![("沖縄県".into(), fees[1])],
                abroad_fee: Some(fees[2]),
                country_fees: vec![("US".into(), fees[3])],
                size_extras: (0..4).map(extra).collect(),
                ..Shipping::default()
            };
            let (country, region) = [("JP", "東京都"), ("JP", "沖縄県"), ("DE", ""), ("US", "CA")][at];
            let names: Vec<&str> = classes.iter().map(|class| SIZE_CLASSES[*class]).collect();
            let fee = shipping_fee(&rule, country, region, largest_class(names.iter().copied()), goods).unwrap();
            let largest = *classes.iter().max().unwrap();
            let whole = fees[at] + extras[if country == "JP" { largest } else { largest + 4 }];
            let is_free = free_from.is_some_and(|threshold| goods >= threshold);
            prop_assert_eq!(fee, if is_free { 0 } else { whole });
            // The order of the lines says nothing.
            let reversed = largest_class(names.iter().rev().copied());
            prop_assert_eq!(shipping_fee(&rule, country, region, reversed, goods), Some(fee));
        }

        #[test]
        fn every_equation_of_an_order_holds(
            lines in prop::collection::vec(any_line(), 1..12),
            currency in any_currency(),
            discount in 0i64..5_000_000,
            shipping_fee in 0i64..5000,
            payment_fee in 0i64..500,
            fee_rate_bp in prop::sample::select(vec![0u32, 800, 1000]),
            tax_included: bool,
        ) {
            let basis = Basis { currency, lines: &lines, discount, shipping_fee, payment_fee, fee_rate_bp, tax_included };
            let (totals, discounts) = totals(&basis).unwrap();
            let subtotals: Vec<i64> = lines.iter().map(|line| line.unit_price * i64::from(line.quantity)).collect();
            prop_assert_eq!(totals.subtotal, subtotals.iter().sum::<i64>());
            prop_assert!(totals.discount_total >= 0 && totals.discount_total <= totals.subtotal);
            prop_assert_eq!(totals.subtotal_after_discount, totals.subtotal - totals.discount_total);
            prop_assert_eq!(
                totals.amount,
                totals.subtotal_after_discount + totals.shipping_fee + totals.payment_fee + totals.tax_added
            );
            // The discount is all given, and no line gets more than it costs.
            prop_assert_eq!(discounts.iter().sum::<i64>(), totals.discount_total);
            prop_assert!(discounts.iter().zip(&subtotals).all(|(discount, subtotal)| (0..=*subtotal).contains(discount)));
            // Everything that is paid stands in exactly one part of the tax.
            let parts: i64 = totals.tax_breakdown.iter().map(|part| part.taxable + part.tax).sum();
            prop_assert_eq!(parts, totals.amount);
            if tax_included {
                prop_assert_eq!(totals.tax_added, 0);
            } else {
                prop_assert_eq!(totals.tax_added, totals.tax_breakdown.iter().map(|part| part.tax).sum::<i64>());
                prop_assert_eq!(totals.tax_added % currency.step(), 0);
            }
            let mut rates: Vec<u32> = totals.tax_breakdown.iter().map(|part| part.rate_bp).collect();
            rates.dedup();
            prop_assert_eq!(rates.len(), totals.tax_breakdown.len());
            for part in &totals.tax_breakdown {
                // Off by at most half a step from the exact tax.
                let exact = i128::from(part.taxable) * i128::from(part.rate_bp);
                let step = if tax_included { 1 } else { currency.step() };
                let told = i128::from(part.tax) * 10_000;
                prop_assert!((told - exact).abs() * 2 <= i128::from(step) * (10_000 + i128::from(part.rate_bp)));
            }
        }

        #[test]
        fn shares_add_up_and_differ_from_the_exact_share_by_less_than_one(
            weights in prop::collection::vec(0i64..1_000_000, 1..20),
            permille in 0i64..=1000,
        ) {
            let whole: i64 = weights.iter().sum();
            let total = whole * permille / 1000;
            let parts = share(total, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            for (part, weight) in parts.iter().zip(&weights).filter(|_| whole > 0) {
                let difference = i128::from(*part) * i128::from(whole) - i128::from(total) * i128::from(*weight);
                prop_assert!(difference.abs() < i128::from(whole));
            }
        }
    }
}
