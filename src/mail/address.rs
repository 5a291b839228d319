//! The address of a mail server, as `mail.smtp_url` gives it.

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte (`smtps://`).
    Wrapped,
    /// STARTTLS or nothing (`starttls://`, or `smtp://…?tls=required`).
    Required,
    /// STARTTLS where the server offers it (`smtp://`). A password still never goes out in the clear, except to this very machine.
    Offered,
    /// Never (`smtp://…?tls=none`).
    Never,
}

/// A mail server and how to log in to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub protection: Protection,
    /// Name and password.
    pub log_in: Option<(String, String)>,
    /// What to call ourselves in EHLO; the path of the URL.
    pub hello: Option<String>,
}

impl Server {
    /// Reads `scheme://[name[:password]@]host[:port][/hello-name][?tls=required|offered|none]`.
    ///
    /// # Errors
    /// What is wrong, to be put behind the name of the setting.
    pub fn parse(url: &str) -> Result<Server, String> {
        let form = "must look like smtps://name:password@mail.example.com";
        let (scheme, rest) = url.trim().split_once("://").ok_or(form)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may hold an unescaped slash or at sign, so the last at sign ends it.
        let (log_in, rest) = rest.rsplit_once('@').map_or((None, rest), |(log_in, rest)| (Some(log_in), rest));
        let (place, hello) = rest.split_once('/').unwrap_or((rest, ""));
        let protection = match (scheme, query) {
            ("smtps", "") => Protection::Wrapped,
            ("starttls" | "smtp+starttls", "") | ("smtp", "tls=required") => Protection::Required,
            ("smtp", "" | "tls=offered" | "tls=opportunistic") => Protection::Offered,
            ("smtp", "tls=none") => Protection::Never,
            ("smtp" | "smtps" | "starttls" | "smtp+starttls", _) => {
                return Err("may only add ?tls=required, ?tls=offered or ?tls=none, and only to smtp://".into());
            }
            _ => return Err("must begin with smtps://, starttls:// or smtp://".into()),
        };
        let log_in = match log_in {
            None => None,
            Some(text) => {
                let (name, password) = text.split_once(':').ok_or("names a user without a password")?;
                let decoded = unescape(name).zip(unescape(password));
                Some(decoded.ok_or("holds a % that is no escape; write a per cent sign as %25")?)
            }
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(form)?;
                (host, rest.strip_prefix(':'))
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(form.into());
        }
        let port = match port {
            Some(text) => text.parse().map_err(|_| "has a port that is no number from 1 to 65535")?,
            None => match protection {
                Protection::Wrapped => 465,
                Protection::Required => 587,
                _ if log_in.is_some() => 587,
                _ => 25,
            },
        };
        let hello = hello.trim_matches('/');
        let is_name = hello.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        if !is_name {
            return Err("has a path that is no host name".into());
        }
        let hello = (!hello.is_empty()).then(|| hello.to_owned());
        Ok(Server { host: host.to_owned(), port, protection, log_in, hello })
    }

    /// True for this very machine, where nobody listens on the wire.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Takes percent escapes out (RFC 3986 §2.1).
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_first_chunk::<2>()?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_address() {
        let server = Server::parse("smtps://mika%40shop.jp:p%25ss@w@mail.example.com").unwrap();
        assert_eq!(
            (server.host.as_str(), server.port, server.protection),
            ("mail.example.com", 465, Protection::Wrapped)
        );
        assert_eq!(server.log_in, Some(("mika@shop.jp".into(), "p%ss@w".into())));
        let server = Server::parse("starttls://a:b@[::1]:2525/shop.example").unwrap();
        assert_eq!((server.host.as_str(), server.port, server.hello.as_deref()), ("::1", 2525, Some("shop.example")));
        assert!(server.is_local());
        assert_eq!(Server::parse("smtp://h").unwrap().port, 25);
        assert_eq!(Server::parse("smtp://a:b@h").unwrap().port, 587);
        assert_eq!(Server::parse("smtp://h?tls=required").unwrap().protection, Protection::Required);
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for bad in [
            "",
            "mail.example.com",
            "http://h",
            "smtp://",
            "smtp://a:hidden@h:port",
            "smtp://u@h",
            "smtp://a:hid%den@h",
            "smtp://h?x",
        ] {
            let error = Server::parse(bad).err().unwrap_or_else(|| panic!("{bad} is taken"));
            assert!(!error.contains("hidden") && !error.contains("hid%den"), "{error}");
        }
    }
}
