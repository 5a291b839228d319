//! From wishes (designs and quantities) to priced lines and totals, by the catalogue and the settings as they are now.

use super::address;
use super::coupons::{self, Coupon};
use super::means;
use super::model::{Address, Line, LineId, Order, PaymentMethod, Production, Totals};
use super::rules::{MAX_LINES, MAX_QUANTITY};
use super::totals::{self, Basis, LineBasis};
use crate::catalog;
use crate::designs::{self, Design, DesignId};
use crate::kernel::lang::Words;
use crate::kernel::refusal::Mistakes;
use crate::kernel::{Code, Error, FieldError, Lang, Message, Moment, Refusal, Result};
use crate::shop::Shop;
use crate::store::Snapshot;
use crate::web::Visit;

/// So many pieces of a design, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub design_id: DesignId,
    pub quantity: i64,
}

/// Lines with their prices and shares of the discount, and what they cost together.
#[derive(Clone, Debug)]
pub struct Priced {
    pub lines: Vec<Line>,
    pub totals: Totals,
}

/// Prices what a customer wishes. The designs must be the caller's own and have everything filled in.
///
/// # Errors
/// 422 naming `lines[i].design_id` or `lines[i].quantity`, or the field of the address that cannot be served; `coupon_invalid`.
pub fn price(
    tx: &impl Snapshot,
    visit: &Visit,
    wishes: &[Wish],
    to: &Address,
    method: PaymentMethod,
    coupon: Option<&Coupon>,
) -> Result<Priced> {
    let shop = &visit.shop;
    if wishes.is_empty() {
        return Err(Refusal::field("lines", Message::new("orders.lines_needed")).into());
    }
    if wishes.len() > MAX_LINES {
        return Err(Refusal::field("lines", Message::new("orders.lines_too_many").with("max", MAX_LINES)).into());
    }
    let mut mistakes = Mistakes::new();
    let mut lines = Vec::with_capacity(wishes.len());
    for (at, wish) in wishes.iter().enumerate() {
        let quantity = check_quantity(wish.quantity, &format!("lines[{at}].quantity"));
        if let Err(refusal) = &quantity {
            add_all(&mut mistakes, refusal);
        }
        let field = format!("lines[{at}].design_id");
        let line = match designs::changeable(tx, visit, wish.design_id) {
            // Somebody else's design and none at all look the same.
            Err(Error::Refused(refusal)) if refusal.code == Code::NotFound => {
                mistakes.add(field, Message::new("orders.design_unknown"));
                continue;
            }
            Err(error) => return Err(error),
            Ok(design) => price_line(tx, shop, &design, quantity.unwrap_or(1), &field),
        };
        match line {
            Ok(line) => lines.push(line),
            Err(Error::Refused(refusal)) if refusal.code == Code::InvalidInput => add_all(&mut mistakes, &refusal),
            Err(error) => return Err(error),
        }
    }
    mistakes.into_result()?;
    reckon(shop, lines, to, method, coupon, visit.now)
}

/// The order's lines at today's prices and with its designs as they are now. Lines keep their ids.
///
/// # Errors
/// 422 naming the line whose design or product cannot be ordered any more; `coupon_invalid`.
pub fn reprice(tx: &impl Snapshot, shop: &Shop, order: &Order, now: Moment) -> Result<Priced> {
    let mut lines = Vec::with_capacity(order.lines.len());
    for (at, old) in order.lines.iter().enumerate() {
        let field = format!("lines[{at}].design_id");
        let design = designs::find(tx, old.design_id)?
            .ok_or_else(|| Refusal::field(&field, Message::new("orders.design_unknown")))?;
        let line = price_line(tx, shop, &design, old.quantity, &field)?;
        lines.push(Line { id: old.id, ..line });
    }
    let coupon = order.coupon.as_deref().map(|code| coupons::find(tx, code)).transpose()?;
    reckon(shop, lines, &order.shipping_address, order.payment_method, coupon.as_ref(), now)
}

/// # Errors
/// 422 naming `field` when there are not 1 to 999 pieces.
pub fn check_quantity(quantity: i64, field: &str) -> Result<u32, Refusal> {
    match u32::try_from(quantity) {
        Ok(pieces) if (1..=MAX_QUANTITY).contains(&quantity) => Ok(pieces),
        _ => Err(Refusal::field(field, Message::new("orders.quantity_range").with("max", MAX_QUANTITY))),
    }
}

fn add_all(mistakes: &mut Mistakes, refusal: &Refusal) {
    for FieldError { field, message } in &refusal.errors {
        mistakes.add(field.clone(), message.clone());
    }
}

fn price_line(tx: &impl Snapshot, shop: &Shop, design: &Design, quantity: u32, field: &str) -> Result<Line> {
    let gone = |key| Error::from(Refusal::field(field, Message::new(key)));
    let product = catalog::product(tx, design.product_id)?.filter(|product| product.is_active());
    let product = product.ok_or_else(|| gone("orders.product_gone"))?;
    let variant = product.sold(design.variant_id).ok_or_else(|| gone("orders.variant_gone"))?;
    designs::check_orderable(design, field)?;
    let subtotal = variant
        .price
        .checked_mul(i64::from(quantity))
        .ok_or_else(|| Refusal::field(field, Message::new("orders.too_much")))?;
    Ok(Line {
        id: LineId(shop.new_id()),
        design_id: design.id,
        product_id: product.id,
        variant_id: variant.id,
        title: Words::new(designs::title(design, &product, Lang::En), designs::title(design, &product, Lang::Ja)),
        variant_name: variant.name.clone(),
        size_class: variant.size_class.clone(),
        quantity,
        unit_price: variant.price,
        subtotal,
        discount: 0,
        tax_rate_bp: shop.settings().rate_of(&product.tax_class),
        production: Production::Waiting,
        again: false,
        hold: None,
        priced_crc32: design.params_crc32.clone(),
        blanks: None,
        picture_size: designs::picture_size(design, &product),
        frozen: None,
    })
}

fn reckon(
    shop: &Shop,
    mut lines: Vec<Line>,
    to: &Address,
    method: PaymentMethod,
    coupon: Option<&Coupon>,
    now: Moment,
) -> Result<Priced> {
    let settings = shop.settings();
    let bases: Vec<LineBasis> = lines
        .iter()
        .map(|line| LineBasis { unit_price: line.unit_price, quantity: line.quantity, tax_rate_bp: line.tax_rate_bp })
        .collect();
    let too_much = || Error::from(Refusal::field("lines", Message::new("orders.too_much")));
    let goods = lines.iter().try_fold(0i64, |sum, line| sum.checked_add(line.subtotal)).ok_or_else(too_much)?;
    let discount = match coupon {
        Some(coupon) => {
            coupon.check(goods, settings.currency, now)?;
            coupon.discount(goods, settings.currency)
        }
        None => 0,
    };
    let class = totals::largest_class(lines.iter().map(|line| line.size_class.as_str()));
    let shipping_fee = totals::shipping_fee(&settings.shipping, &to.country, &to.region, class, goods - discount)
        .ok_or_else(|| Refusal::field("shipping_address.country", Message::new("orders.country_not_served")))?;
    let basis = Basis {
        currency: settings.currency,
        lines: &bases,
        discount,
        shipping_fee,
        payment_fee: means::fee(&settings.means, method, goods - discount + shipping_fee),
        fee_rate_bp: settings.tax.rate_bp,
        tax_included: settings.tax.included,
    };
    let (totals, discounts) = totals::totals(&basis).map_err(|_| too_much())?;
    for (line, discount) in lines.iter_mut().zip(discounts) {
        line.discount = discount;
    }
    Ok(Priced { lines, totals })
}

/// What the basket costs before it is known where it goes: sent within the shop's own country.
///
/// # Errors
/// Sums that no number can hold.
pub fn estimate(shop: &Shop, lines: Vec<Line>) -> Result<Priced> {
    let settings = shop.settings();
    let at_home = Address {
        country: address::countries(&settings.shipping).first().copied().unwrap_or_default().to_owned(),
        ..Address::default()
    };
    reckon(shop, lines, &at_home, PaymentMethod::Online, None, shop.now())
}

/// A basket's line at today's price, or why it cannot be ordered as it is.
///
/// # Errors
/// A database that cannot be read.
pub fn preview_line(
    tx: &impl Snapshot,
    shop: &Shop,
    design: &Design,
    quantity: u32,
) -> Result<std::result::Result<Line, Message>> {
    match price_line(tx, shop, design, quantity, "design_id") {
        Ok(line) => Ok(Ok(line)),
        Err(Error::Refused(refusal)) => {
            let message = refusal.errors.into_iter().next().map_or(refusal.detail, |error| error.message);
            Ok(Err(message))
        }
        Err(fault) => Err(fault),
    }
}

/// True when a line is not for the design as it was priced.
pub fn has_changed(old: &Line, new: &Line) -> bool {
    old.priced_crc32 != new.priced_crc32 || old.variant_id != new.variant_id || old.product_id != new.product_id
}
