//! The payment page a customer meets, and the page of the voucher for the convenience store. Plain forms; works without JavaScript.

use super::form::Form;
use super::journal::{IntentRow, SessionRow};
use super::till::{Action, KONBINI_RANGE, Problem, Till};
use super::words;
use crate::kernel::{Lang, Moment, Money};
use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

const STYLE: &str = include_str!("../../../templates/sandbox/sandbox.css");
const ICON: &str = include_str!("../../../templates/sandbox/sandbox.svg");

/// A browser's request.
pub(super) struct Visit {
    pub method: String,
    pub path: String,
    pub query: String,
    /// `Accept-Language`.
    pub languages: String,
}

pub(super) struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The words of one language, for templates.
#[derive(Clone, Copy)]
struct Words(Lang);

impl Words {
    fn tag(&self) -> &'static str {
        self.0.tag()
    }

    fn say(&self, key: &str) -> &'static str {
        words::say(self.0, key)
    }
}

struct Line {
    name: String,
    description: Option<String>,
    quantity: i64,
    amount: String,
}

#[derive(Template)]
#[template(path = "sandbox/pay.html")]
struct PayView {
    words: Words,
    id: String,
    title: String,
    order: Option<String>,
    lines: Vec<Line>,
    total: String,
    email: Option<String>,
    konbini: bool,
    declined: bool,
    leave: Option<String>,
}

#[derive(Template)]
#[template(path = "sandbox/voucher.html")]
struct VoucherView {
    words: Words,
    id: String,
    order: Option<String>,
    number: String,
    total: String,
    until: String,
    back: String,
}

#[derive(Template)]
#[template(path = "sandbox/notice.html")]
struct NoticeView {
    words: Words,
    title: &'static str,
    text: &'static str,
    link: Option<(String, &'static str)>,
}

pub(super) fn answer(till: &Till, visit: &Visit) -> Page {
    let form = Form::parse(&visit.query).unwrap_or_default();
    let read = matches!(visit.method.as_str(), "GET" | "HEAD");
    let segments: Vec<&str> = visit.path.trim_matches('/').split('/').collect();
    let lang = |own: Option<&str>| {
        let asked = form.get("lang").and_then(Lang::from_tag);
        asked
            .or_else(|| own.and_then(Lang::from_tag))
            .or_else(|| Lang::from_accept_language(&visit.languages, |_| true))
            .unwrap_or_default()
    };
    match segments.as_slice() {
        [""] if read => notice(200, lang(None), "sandbox.home_title", "sandbox.home", None),
        ["sandbox.css"] if read => file(STYLE, "text/css; charset=utf-8"),
        ["sandbox.svg"] if read => file(ICON, "image/svg+xml"),
        ["pay", id] if read => show_session(till, id, &lang, form.get("declined").is_some()),
        ["voucher", id] if read => show_voucher(till, id, &lang),
        ["pay", id, step] if !read => {
            let action = match *step {
                "pay" => Action::Pay,
                "decline" => Action::Decline,
                "konbini" => Action::Konbini,
                _ => return missing(lang(None)),
            };
            act(till, id, action, &lang, &form)
        }
        ["voucher", id, step] if !read => {
            let action = match *step {
                "paid" => Action::KonbiniPaid,
                "lapse" => Action::KonbiniLapsed,
                _ => return missing(lang(None)),
            };
            match till.work(|work| work.intent(id)) {
                Ok(intent) => act(till, &intent.session, action, &lang, &form),
                Err(problem) => trouble(&problem, lang(None)),
            }
        }
        // Somebody reloads the address of a button: the page it was on says what became of it.
        ["pay" | "voucher", id, _] if read => go(&format!("{}/{}/{id}", till.base(), segments[0])),
        _ => missing(lang(None)),
    }
}

type Langs<'a> = &'a dyn Fn(Option<&str>) -> Lang;

fn act(till: &Till, session: &str, action: Action, lang: Langs<'_>, form: &Form) -> Page {
    match till.act(session, action) {
        Ok(address) => {
            // The language chosen here is kept as long as the customer stays here.
            let ours = address.starts_with(&format!("{}/", till.base()));
            match form.get("lang").and_then(Lang::from_tag).filter(|_| ours) {
                Some(chosen) => {
                    go(&format!("{address}{}lang={}", if address.contains('?') { '&' } else { '?' }, chosen.tag()))
                }
                None => go(&address),
            }
        }
        Err(problem) => trouble_of(till, session, &problem, lang),
    }
}

fn show_session(till: &Till, id: &str, lang: Langs<'_>, declined: bool) -> Page {
    let session = match till.work(|work| work.session(id)) {
        Ok(session) => session,
        Err(problem) => return trouble(&problem, lang(None)),
    };
    if session.status != "open" {
        return trouble_of(till, id, &Problem::Closed, lang);
    }
    let lang = lang(session.locale.as_deref());
    let total = money(session.amount_total, &session.currency);
    let lines = session.items.iter().map(|item| Line {
        name: item.name.clone(),
        description: item.description.clone(),
        quantity: item.quantity,
        amount: money(item.unit_amount * item.quantity, &session.currency),
    });
    let origins: Vec<&str> =
        [Some(session.success_url.as_str()), session.cancel_url.as_deref()].into_iter().flatten().collect();
    let policy = policy(&origins);
    let view = PayView {
        words: Words(lang),
        id: session.id.clone(),
        title: words::fill(lang, "sandbox.pay_title", &[("amount", &total)]),
        order: order_of(&session, lang),
        lines: lines.collect(),
        konbini: session.currency == "jpy" && KONBINI_RANGE.contains(&session.amount_total),
        total,
        email: session.customer_email.as_ref().map(|email| words::fill(lang, "sandbox.email", &[("email", email)])),
        declined,
        leave: session.cancel_url.clone(),
    };
    html(200, &view, &policy)
}

fn show_voucher(till: &Till, id: &str, lang: Langs<'_>) -> Page {
    let found: Result<(IntentRow, SessionRow), Problem> = till.work(|work| {
        let intent = work.intent(id)?;
        let session = work.session(&intent.session)?;
        Ok((intent, session))
    });
    let (intent, session) = match found {
        Ok(found) => found,
        Err(problem) => return trouble(&problem, lang(None)),
    };
    let lang = lang(session.locale.as_deref());
    let back = session.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id);
    let to_shop = Some((back.clone(), words::say(lang, "sandbox.back")));
    let Some(voucher) = &intent.voucher else { return missing(lang) };
    match intent.status.as_str() {
        "requires_action" => {}
        "succeeded" => return notice(200, lang, "sandbox.paid_title", "sandbox.paid", to_shop),
        _ => return notice(200, lang, "sandbox.lapsed_title", "sandbox.lapsed", to_shop),
    }
    let (year, month, day) = Moment::from_unix_seconds(voucher.expires_at).utc_date();
    let pad = |number: u32| if lang == Lang::En { format!("{number:02}") } else { number.to_string() };
    let view = VoucherView {
        words: Words(lang),
        id: intent.id.clone(),
        order: order_of(&session, lang),
        number: voucher.number.clone(),
        total: money(session.amount_total, &session.currency),
        until: words::fill(
            lang,
            "sandbox.date",
            &[("year", &year.to_string()), ("month", &pad(month)), ("day", &pad(day))],
        ),
        back: back.clone(),
    };
    html(200, &view, &policy(&[&back]))
}

/// A page for a step that cannot be taken, with the way back that fits the session's state.
fn trouble_of(till: &Till, session: &str, problem: &Problem, lang: Langs<'_>) -> Page {
    let Ok(session) = till.work(|work| work.session(session)) else { return trouble(problem, lang(None)) };
    let lang = lang(session.locale.as_deref());
    let done = session.success_url.replace("{CHECKOUT_SESSION_ID}", &session.id);
    let shop = words::say(lang, "sandbox.back");
    match (problem, session.status.as_str(), &session.intent) {
        (Problem::NotOffered, ..) => {
            let again = (format!("{}/pay/{}", till.base(), session.id), words::say(lang, "sandbox.again"));
            notice(409, lang, "sandbox.not_offered_title", "sandbox.not_offered", Some(again))
        }
        (Problem::Closed, "complete", Some(intent)) if session.payment_status != "paid" => {
            go(&format!("{}/voucher/{intent}", till.base()))
        }
        (Problem::Closed, "complete", _) => notice(200, lang, "sandbox.paid_title", "sandbox.paid", Some((done, shop))),
        (Problem::Closed, ..) => {
            let back = session.cancel_url.clone().unwrap_or(done);
            notice(410, lang, "sandbox.closed_title", "sandbox.closed", Some((back, shop)))
        }
        _ => trouble(problem, lang),
    }
}

fn trouble(problem: &Problem, lang: Lang) -> Page {
    match problem {
        Problem::Fault(fault) => {
            tracing::error!(%fault, "the sandbox cannot keep its state");
            notice(500, lang, "sandbox.trouble_title", "sandbox.trouble", None)
        }
        _ => missing(lang),
    }
}

fn missing(lang: Lang) -> Page {
    notice(404, lang, "sandbox.missing_title", "sandbox.missing", None)
}

fn notice(status: u16, lang: Lang, title: &str, text: &str, link: Option<(String, &'static str)>) -> Page {
    let view = NoticeView { words: Words(lang), title: words::say(lang, title), text: words::say(lang, text), link };
    html(status, &view, &policy(&[]))
}

fn money(minor: i64, currency: &str) -> String {
    currency.parse().map_or_else(|_| minor.to_string(), |currency| Money::new(minor, currency).show())
}

fn order_of(session: &SessionRow, lang: Lang) -> Option<String> {
    let number = session.metadata.get("order_number")?;
    Some(words::fill(lang, "sandbox.order", &[("number", number)]))
}

/// Chromium applies `form-action` to the redirects of a submitted form as well, so the shop's own origin must be named.
fn policy(redirects: &[&str]) -> String {
    let mut targets: Vec<String> = vec!["'self'".to_owned()];
    for target in redirects.iter().filter_map(|address| origin(address)) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {}; base-uri 'none'; frame-ancestors 'none'",
        targets.join(" ")
    )
}

fn origin(address: &str) -> Option<String> {
    let uri: Uri = address.replace(['{', '}'], "").parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = uri.authority()?;
    // A policy cannot name an IPv6 address; its scheme has to do.
    if authority.host().starts_with('[') {
        return Some(format!("{scheme}:"));
    }
    Some(match authority.port_u16() {
        Some(port) => format!("{scheme}://{}:{port}", authority.host()),
        None => format!("{scheme}://{}", authority.host()),
    })
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name.clone(), value);
        }
    }
    headers
}

fn html(status: u16, view: &impl Template, policy: &str) -> Page {
    let pairs = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::VARY, "accept-language"),
    ];
    match view.render() {
        Ok(body) => Page { status, headers: headers(&pairs), body: body.into() },
        Err(error) => {
            tracing::error!(%error, "a page of the sandbox could not be written");
            Page { status: 500, headers: headers(&[]), body: Bytes::new() }
        }
    }
}

fn file(text: &'static str, kind: &str) -> Page {
    let pairs = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")];
    Page { status: 200, headers: headers(&pairs), body: Bytes::from_static(text.as_bytes()) }
}

fn go(address: &str) -> Page {
    Page {
        status: 303,
        headers: headers(&[(header::LOCATION, address), (header::CACHE_CONTROL, "no-store")]),
        body: Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_where_the_shop_stands() {
        let shop = "http://127.0.0.1:8080/orders/1?session={CHECKOUT_SESSION_ID}";
        let text = policy(&[shop, "https://shop.example/orders/1", shop]);
        assert!(text.contains("form-action 'self' http://127.0.0.1:8080 https://shop.example;"), "{text}");
        assert!(policy(&["http://[::1]:8080/x"]).contains("form-action 'self' http:;"));
        assert!(policy(&["javascript:alert(1)", "nonsense"]).contains("form-action 'self';"));
    }
}
