//! Tables of the rules: every state against every other.

use super::*;
use crate::kernel::lang::Words;
use crate::kernel::{Currency, Lang};
use crate::orders::model::{Address, LineId, OrderId, Totals};
use crate::web::SessionId;
use proptest::prelude::*;
use uuid::Uuid;

pub(in crate::orders) fn an_order(status: Status, payment_status: PaymentStatus, amount: i64) -> Order {
    let now = Moment::from_unix_seconds(1_700_000_000);
    Order {
        id: OrderId(Uuid::from_u128(1)),
        order_number: "PS-000001".into(),
        session: SessionId(Uuid::from_u128(2)),
        lang: Lang::En,
        status,
        payment_status,
        payment_method: PaymentMethod::Online,
        taken: None,
        lines: vec![a_line(Production::Waiting)],
        totals: Totals {
            currency: Currency::JPY,
            subtotal: amount,
            discount_total: 0,
            subtotal_after_discount: amount,
            shipping_fee: 0,
            payment_fee: 0,
            tax_added: 0,
            amount,
            tax_breakdown: Vec::new(),
            tax_included: true,
        },
        coupon: None,
        coupon_claim: None,
        invoice_number: None,
        email: "mika@example.jp".into(),
        shipping_address: Address::default(),
        delivery: Default::default(),
        note: String::new(),
        accepted_warnings: Vec::new(),
        revision: 0,
        priced_at: now,
        stripe_checkout_session_id: None,
        stripe_payment_intent_id: None,
        voucher: None,
        amount_refunded: 0,
        holds_stock: false,
        attention: Vec::new(),
        decided: Vec::new(),
        tracking: Vec::new(),
        label: None,
        staff_notes: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: now,
        paid_at: None,
        shipped_at: None,
        delivered_at: None,
        cancelled_at: None,
        photos_gone_at: None,
        erased_at: None,
    }
}

fn a_line(production: Production) -> Line {
    Line {
        id: LineId(Uuid::from_u128(3)),
        design_id: Uuid::from_u128(4).into(),
        product_id: Uuid::from_u128(5).into(),
        variant_id: Uuid::from_u128(6).into(),
        title: Words::new("Chelsea · Written in the stars", "チェルシー・星の物語"),
        variant_name: Words::new("A4", "A4"),
        size_class: "flat-small".into(),
        quantity: 1,
        unit_price: 2980,
        subtotal: 2980,
        discount: 0,
        tax_rate_bp: 1000,
        production,
        again: false,
        hold: None,
        priced_crc32: "00000000".into(),
        blanks: None,
        picture_size: (600, 800),
        frozen: None,
    }
}

#[test]
fn states_follow_each_other_as_the_contract_says() {
    use Status::*;
    let moves = [
        (Draft, PendingPayment),
        (Draft, Cancelled),
        (PendingPayment, Draft),
        (PendingPayment, Paid),
        (PendingPayment, Cancelled),
        (Paid, Processing),
        (Processing, Shipped),
        (Shipped, Delivered),
        (Paid, Refunded),
        (Processing, Refunded),
        (Shipped, Refunded),
        (Delivered, Refunded),
    ];
    for from in Status::ALL {
        for to in Status::ALL {
            assert_eq!(check_move(*from, *to).is_ok(), moves.contains(&(*from, *to)), "{from:?} to {to:?}");
        }
    }
}

#[test]
fn staff_set_only_legal_states_and_never_those_that_money_decides() {
    for from in Status::ALL {
        for to in set_by_staff(*from) {
            assert!(following(*from).contains(to), "{from:?} to {to:?}");
            assert!(!matches!(to, Status::Draft | Status::PendingPayment | Status::Paid | Status::Refunded), "{to:?}");
        }
    }
}

#[test]
fn a_wrong_move_names_the_states_allowed() {
    let refusal = check_staff_move(Status::Paid, Status::Delivered).unwrap_err();
    assert_eq!(refusal.code, Code::InvalidStatusTransition);
    assert_eq!(refusal.extra, [("allowed", serde_json::json!(["processing"]))]);
    let told = crate::web::words::message(Lang::En, &refusal.detail);
    assert!(told.contains("“Paid”") && told.contains("Being made"), "{told}");
    let at_the_end = check_staff_move(Status::Refunded, Status::Paid).unwrap_err();
    assert_eq!(at_the_end.extra, [("allowed", serde_json::json!([]))]);
}

#[test]
fn names_of_states_are_read_back() {
    for status in Status::ALL {
        assert_eq!(Status::from_name(status.name()), Some(*status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.name());
    }
    for status in PaymentStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.name());
    }
    for production in Production::ALL {
        assert_eq!(serde_json::to_value(production).unwrap(), production.name());
    }
    assert_eq!(Status::from_name("lost"), None);
}

#[test]
fn only_what_awaits_money_can_be_paid() {
    use PaymentStatus as Money;
    for status in Status::ALL {
        for payment in PaymentStatus::ALL {
            let open = matches!(status, Status::Draft | Status::PendingPayment)
                && matches!(payment, Money::Pending | Money::Failed | Money::Expired);
            assert_eq!(check_payable(&an_order(*status, *payment, 5000)).is_ok(), open, "{status:?} {payment:?}");
        }
    }
}

#[test]
fn amounts_stripe_would_not_take_are_not_sent_there() {
    for (amount, good) in [(0, true), (1, false), (49, false), (50, true), (MAX_CHARGE, true), (MAX_CHARGE + 1, false)]
    {
        let order = an_order(Status::Draft, PaymentStatus::Pending, amount);
        assert_eq!(check_payable(&order).is_ok(), good, "{amount}");
    }
}

#[test]
fn a_draft_can_be_changed_and_nothing_else() {
    for status in Status::ALL {
        let order = an_order(*status, PaymentStatus::Pending, 5000);
        assert_eq!(check_changeable(&order).is_ok(), *status == Status::Draft, "{status:?}");
    }
}

fn paid() -> Order {
    an_order(Status::Paid, PaymentStatus::Succeeded, 5000)
}

#[test]
fn a_line_goes_through_the_print_room() {
    let go = |line: &Line, to, reason: &str, ready| move_production(&paid(), line, to, reason, ready);
    let ready = a_line(Production::ReadyToPrint);
    let printed = go(&ready, Production::Printed, "", true).unwrap();
    let packed = go(&printed, Production::Packed, "", true).unwrap();
    assert_eq!(packed.production, Production::Packed);

    // A reprint and a hold need a reason.
    assert!(go(&packed, Production::ReadyToPrint, "", true).is_err());
    assert_eq!(go(&packed, Production::ReadyToPrint, "smudged", true).unwrap().production, Production::ReadyToPrint);
    assert!(go(&ready, Production::OnHold, "", true).is_err());
    let held = go(&ready, Production::OnHold, "photo too dark", true).unwrap();
    assert_eq!(held.hold, Some(Hold::Staff { reason: "photo too dark".into() }));

    // Printed once more after its parcel has left, it is in the print room until it is packed.
    let mut shipped = an_order(Status::Shipped, PaymentStatus::Succeeded, 5000);
    assert!(!shipped.is_to_make(&packed));
    let once_more = move_production(&shipped, &packed, Production::ReadyToPrint, "torn on the way", true).unwrap();
    let printed_again = move_production(&shipped, &once_more, Production::Printed, "", true).unwrap();
    assert!(shipped.is_to_make(&once_more) && shipped.is_to_make(&printed_again));
    let done = move_production(&shipped, &printed_again, Production::Packed, "", true).unwrap();
    assert!(!shipped.is_to_make(&done));
    shipped.payment_status = PaymentStatus::Refunded;
    assert!(!shipped.is_to_make(&once_more), "what was given back is not made");

    // Let go, it waits for its print file or is ready, whichever is true.
    assert_eq!(go(&held, Production::Waiting, "", true).unwrap().production, Production::ReadyToPrint);
    let waiting = go(&held, Production::ReadyToPrint, "", false).unwrap();
    assert_eq!((waiting.production, waiting.hold), (Production::Waiting, None));

    // Nothing is printed without a print file, or before the money is there.
    assert!(go(&a_line(Production::Waiting), Production::Printed, "", true).is_err());
    let unpaid = an_order(Status::PendingPayment, PaymentStatus::Pending, 5000);
    assert!(move_production(&unpaid, &ready, Production::Printed, "", true).is_err());
}

#[test]
fn a_print_file_moves_its_line_and_a_failure_holds_it() {
    let waiting = a_line(Production::Waiting);
    assert_eq!(settle_print(&waiting, Print::Ready).production, Production::ReadyToPrint);
    let failed = settle_print(&waiting, Print::Failed("photo damaged"));
    assert_eq!((failed.production, print_attention(&failed)), (Production::OnHold, Some("final_failed")));
    assert_eq!(settle_print(&failed, Print::Ready).production, Production::ReadyToPrint);
    let likeness = Likeness { whole: 9100, worst: 4000, color: 0 };
    let differs = settle_print(&failed, Print::Differs(likeness));
    assert_eq!(differs.hold, Some(Hold::PrintDiffers(likeness)));
    assert_eq!(print_attention(&differs), Some("print_differs"));
    let rendered_again = settle_print(&differs, Print::Ready);
    assert_eq!((rendered_again.production, rendered_again.hold.as_ref()), (Production::ReadyToPrint, None));

    // What somebody has stopped by hand, or printed, stays as it is.
    let held = Line { hold: Some(Hold::Staff { reason: "x".into() }), ..a_line(Production::OnHold) };
    assert_eq!(settle_print(&held, Print::Ready), held);
    assert_eq!(settle_print(&a_line(Production::Printed), Print::Failed("x")).production, Production::Printed);
}

#[test]
fn known_carriers_show_their_parcels() {
    assert_eq!(
        tracking_url("Yamato", "1234-5678-9012").as_deref(),
        Some("https://member.kms.kuronekoyamato.co.jp/parcel/detail?pno=123456789012")
    );
    assert!(tracking_url("佐川急便", "1").is_some());
    assert_eq!(tracking_url("My uncle", "1"), None);
    assert_eq!(tracking_url("DHL", " "), None);
}

proptest! {
    #[test]
    fn no_walk_by_staff_leaves_the_states_of_the_contract(steps in prop::collection::vec(0usize..8, 0..12)) {
        let mut status = Status::Paid;
        for step in steps {
            let to = Status::ALL[step];
            if check_staff_move(status, to).is_ok() {
                prop_assert!(following(status).contains(&to));
                status = to;
            }
        }
        prop_assert!(status >= Status::Paid && status != Status::Cancelled);
    }
}
