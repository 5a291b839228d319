//! The page somebody comes from, where it is one of ours.

use axum::http::{HeaderMap, header};

/// The path and query of the page a request was sent from, by its `Referer`; nothing for a page of another site.
pub fn came_from<'a>(headers: &'a HeaderMap, public_url: &str) -> Option<&'a str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let address = text(header::REFERER)?;
    let (_, rest) = address.split_once("://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let is_own = text(header::HOST) == Some(host) || address.strip_suffix(path) == Some(public_url);
    is_own.then(|| path.split('#').next().unwrap_or("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_our_own_are_come_from() {
        let from = |referer: &str| {
            let headers = [("host", "shop:8080"), ("referer", referer)]
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            came_from(&headers.into_iter().collect(), "https://shop.example").map(str::to_owned)
        };
        assert_eq!(from("http://shop:8080/admin/orders?q=a%20b#top").as_deref(), Some("/admin/orders?q=a%20b"));
        assert_eq!(from("https://shop.example/").as_deref(), Some("/"));
        for other in ["https://evil.example/admin", "https://shop.example.evil/admin", "shop:8080/admin", "/admin", ""]
        {
            assert_eq!(from(other), None, "{other}");
        }
    }
}
