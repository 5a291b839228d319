use super::*;
use serde_json::json;

fn change(value: serde_json::Value) -> Result<Settings, Refusal> {
    let form: SettingsForm = input::from_value(value)?;
    apply(&Settings::default(), &form)
}

fn wrong_fields(value: serde_json::Value) -> Vec<String> {
    change(value).unwrap_err().errors.into_iter().map(|error| error.field).collect()
}

#[test]
fn what_is_absent_stays() {
    assert_eq!(change(json!({})).unwrap(), Settings::default());
    let new = change(json!({"shop_name": " ペットの星 ", "tax": {"rate_percent": "8"}})).unwrap();
    let expected = Settings {
        shop_name: "ペットの星".into(),
        tax: crate::shop::settings::Tax { rate_bp: 800, ..Settings::default().tax },
        version: 1,
        ..Settings::default()
    };
    assert_eq!(new, expected);
}

#[test]
fn what_is_read_can_be_sent_back() {
    let document = serde_json::to_value(Settings::default()).unwrap();
    assert_eq!(change(document).unwrap(), Settings::default());
}

#[test]
fn a_form_says_the_same_as_json() {
    let by_form = change(json!({
        "version": "0", "currency": "eur", "lead_time_days": "3", "set_up": "on",
        "tax": {"rate_percent": "7,75 %", "included": "off"},
        "shipping": {"free_from": "", "home_fee": "6.50", "region_fees": "Sylt = 9\r\n\nHelgoland=12.5", "abroad_fee": "€1,024.00", "abroad_countries": "at, ch de"},
    }));
    let by_json = change(json!({
        "version": 0, "currency": "EUR", "lead_time_days": 3, "set_up": true,
        "tax": {"rate_bp": 775, "included": false},
        "shipping": {"free_from": null, "home_fee": 650, "region_fees": [["Sylt", 900], ["Helgoland", 1250]], "abroad_fee": 102400, "abroad_countries": ["AT", "CH", "DE"]},
    }));
    assert_eq!(by_form, by_json);
    let settings = by_form.unwrap();
    assert_eq!((settings.shipping.free_from, settings.shipping.home_fee), (None, 650));
}

#[test]
fn sizes_countries_tax_classes_and_the_sellers_address() {
    let by_form = change(json!({
        "tax": {"classes": "food = 8\r\nbooks＝0"},
        "shipping": {
            "country_fees": "de = 1,800\nUS = 2600",
            "size_extras": [
                {"class": "flat-small", "home": "", "abroad": ""},
                {"class": "parcel-large", "home": "¥900", "abroad": "1500"},
                {"class": "flat-large", "home": "300", "abroad": "0"},
            ],
        },
        "documents": {"seller_name": "株式会社ペットの星", "address": "〒150-0001\r\n東京都渋谷区神宮前1-2-3", "phone": "03-1234-5678"},
    }))
    .unwrap();
    assert_eq!(by_form.tax.classes, [("food".to_owned(), 800), ("books".to_owned(), 0)]);
    assert_eq!((by_form.rate_of("food"), by_form.rate_of("books"), by_form.rate_of("")), (800, 0, 1000));
    assert_eq!(by_form.shipping.country_fees, [("DE".to_owned(), 1800), ("US".to_owned(), 2600)]);
    let classes: Vec<&str> = by_form.shipping.size_extras.iter().map(|extra| extra.class.as_str()).collect();
    assert_eq!(classes, ["flat-large", "parcel-large"]);
    assert_eq!(by_form.missing_on_documents(), ["registration_number"]);
    // What is read can be sent back.
    let again: SettingsForm = input::from_value(serde_json::to_value(&by_form).unwrap()).unwrap();
    assert_eq!(apply(&by_form, &again).unwrap(), by_form);
    let fields = wrong_fields(json!({
        "tax": {"classes": "food 8"},
        "shipping": {
            "country_fees": "Germany = 5",
            "size_extras": [{"class": "flat-small", "home": "x"}],
        },
        "documents": {"address": "1\n2\n3\n4\n5\n6\n7"},
    }));
    assert_eq!(fields, ["tax.classes", "shipping.country_fees", "shipping.size_extras.0.home", "documents.address"]);
}

#[test]
fn every_mistake_is_named_and_nothing_changes() {
    let fields = wrong_fields(json!({
        "shop_name": " ", "currency": "XXX", "time_zone": "Mars/Olympus", "language": "fr", "contact_email": "me",
        "lead_time_days": 999, "tax": {"rate_percent": "a lot"},
        "shipping": {"home_fee": "6.50", "free_from": -1, "region_fees": "北海道 900", "abroad_countries": "Germany"},
    }));
    let expected = [
        "shop_name",
        "currency",
        "time_zone",
        "language",
        "contact_email",
        "lead_time_days",
        "tax.rate_percent",
        "shipping.free_from",
        "shipping.home_fee",
        "shipping.region_fees",
        "shipping.abroad_countries",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_old_version_is_told() {
    let refusal = change(json!({"version": 7, "shop_name": "x"})).unwrap_err();
    assert_eq!(refusal.code, Code::StaleVersion);
}

#[test]
fn examples_fit_their_currency() {
    for (code, shown) in [("JPY", "600"), ("EUR", "6.00"), ("KWD", "6.000")] {
        let currency: Currency = code.parse().unwrap();
        assert_eq!(example(currency), shown);
        assert!(minor_units(&Amount::Text(example(currency)), currency).is_some());
    }
}
