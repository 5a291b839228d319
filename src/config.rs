//! What must be known before the database opens: `petstar.toml`, the environment and secret files, in one [`Config`].
//!
//! May touch: files and the environment, once, at start. Begin with [`Config::load`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Everything `petstar.toml` can say, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub server: Server,
    pub data_dir: PathBuf,
    pub stripe: Stripe,
    pub mail: Mail,
    pub render: Render,
    pub uploads: Uploads,
    pub limits: Limits,
    pub log: Log,
}

#[derive(Clone, Debug)]
pub struct Server {
    /// Port 0 lets the system pick a free one.
    pub listen: SocketAddr,
    /// Without a trailing slash; `None` stands for `http://<the address really listened on>`.
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<IpAddr>,
}

#[derive(Clone, Debug)]
pub struct Stripe {
    /// Both keys or neither: without them the sandbox takes the payments.
    pub keys: Option<StripeKeys>,
    /// Stripe's own address unless set.
    pub api_base: Option<String>,
    pub sandbox_on_https: bool,
    pub reconcile_s: u64,
}

#[derive(Clone, Debug)]
pub struct StripeKeys {
    pub secret_key: Secret,
    /// Several, separated by commas, while a secret is being rotated.
    pub webhook_secrets: Vec<Secret>,
}

impl StripeKeys {
    /// True when the key moves real money.
    pub fn is_live(&self) -> bool {
        let key = self.secret_key.expose();
        key.starts_with("sk_live_") || key.starts_with("rk_live_")
    }
}

#[derive(Clone, Debug)]
pub struct Mail {
    pub smtp_url: Option<Secret>,
    pub from: String,
    pub alerts_to: String,
}

#[derive(Clone, Debug)]
pub struct Render {
    pub threads: usize,
    pub memory_mb: u64,
}

#[derive(Clone, Debug)]
pub struct Uploads {
    pub max_bytes: u64,
    pub max_pixels: u64,
}

/// Requests a minute, per session (by address only where there is no session).
#[derive(Clone, Debug)]
pub struct Limits {
    pub read: u32,
    pub write: u32,
    pub upload: u32,
    pub preview: u32,
    pub login: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub format: LogFormat,
    /// What petstar itself says; libraries only warn.
    pub level: tracing::Level,
}

/// A value that never appears in a log or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Why the shop cannot start with this configuration: one or two plain sentences that name the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Secret,
    Number,
    Switch,
    List,
}

/// Every key there is. The file, the environment and the promise test all read this one table.
const KEYS: &[(&str, &str, Kind)] = &[
    ("server", "listen", Kind::Text),
    ("server", "public_url", Kind::Text),
    ("server", "trusted_proxies", Kind::List),
    ("data", "dir", Kind::Text),
    ("stripe", "secret_key", Kind::Secret),
    ("stripe", "webhook_secret", Kind::Secret),
    ("stripe", "api_base", Kind::Text),
    ("stripe", "sandbox", Kind::Switch),
    ("stripe", "reconcile_s", Kind::Number),
    ("mail", "smtp_url", Kind::Secret),
    ("mail", "from", Kind::Text),
    ("mail", "alerts_to", Kind::Text),
    ("render", "threads", Kind::Number),
    ("render", "memory_mb", Kind::Number),
    ("uploads", "max_bytes", Kind::Number),
    ("uploads", "max_pixels", Kind::Number),
    ("limits", "read", Kind::Number),
    ("limits", "write", Kind::Number),
    ("limits", "upload", Kind::Number),
    ("limits", "preview", Kind::Number),
    ("limits", "login", Kind::Number),
    ("log", "format", Kind::Text),
    ("log", "level", Kind::Text),
];

/// The names of all keys, as `section.key`.
pub fn key_names() -> Vec<String> {
    KEYS.iter().map(|(section, key, _)| format!("{section}.{key}")).collect()
}

/// What the command line may say over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub listen: Option<String>,
    pub data_dir: Option<PathBuf>,
}

impl Config {
    /// Reads `file` (missing is fine unless `file_required`), then the `PETSTAR_…` variables of `environment`, then `overrides`.
    ///
    /// # Errors
    /// Unknown keys, values of the wrong kind, one Stripe key without the other.
    pub fn load(
        file: &Path,
        file_required: bool,
        environment: impl Iterator<Item = (String, String)>,
        overrides: &Overrides,
    ) -> Result<Config, ConfigError> {
        let shown = file.display();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !file_required => String::new(),
            Err(error) => return fail(format!("The configuration file {shown} cannot be read: {error}.")),
        };
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                // The parser's message can quote the line, which may hold a secret.
                return fail(format!("{shown} is not valid TOML at line {line}. Correct that line and start again."));
            }
        };
        let mut values = from_file(&table, &shown.to_string())?;
        overlay_environment(&mut values, environment)?;
        if let Some(listen) = &overrides.listen {
            values.insert("server.listen".into(), Value::String(listen.clone()));
        }
        if let Some(dir) = &overrides.data_dir {
            values.insert("data.dir".into(), Value::String(dir.display().to_string()));
        }
        Reader(values).build()
    }
}

fn fail<T>(text: String) -> Result<T, ConfigError> {
    Err(ConfigError(text))
}

fn kind_of(section: &str, key: &str) -> Option<Kind> {
    KEYS.iter().find(|(s, k, _)| *s == section && *k == key).map(|(_, _, kind)| *kind)
}

fn from_file(table: &Table, file: &str) -> Result<BTreeMap<String, Value>, ConfigError> {
    let mut values = BTreeMap::new();
    for (section, content) in table {
        if !KEYS.iter().any(|(known, _, _)| known == section) {
            return fail(format!("Unknown section [{section}] in {file}. Remove it or correct its name."));
        }
        let Value::Table(content) = content else {
            return fail(format!("`{section}` in {file} must be a section: write [{section}] and its keys below."));
        };
        for (key, value) in content {
            let Some(kind) = kind_of(section, key) else {
                return fail(format!("Unknown key `{section}.{key}` in {file}. Remove it or correct its name."));
            };
            let fits = match kind {
                Kind::Text | Kind::Secret => value.is_str(),
                Kind::Number => value.as_integer().is_some_and(|number| number >= 0),
                Kind::Switch => value.is_bool(),
                Kind::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_str)),
            };
            if !fits {
                return fail(format!("`{section}.{key}` in {file} must be {}.", wanted(kind)));
            }
            values.insert(format!("{section}.{key}"), value.clone());
        }
    }
    Ok(values)
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Secret => "text in quotes",
        Kind::Number => "a whole number of 0 or more",
        Kind::Switch => "true or false",
        Kind::List => "a list of texts",
    }
}

fn overlay_environment(
    values: &mut BTreeMap<String, Value>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix("PETSTAR_") else { continue };
        let Some((section, key)) = rest.split_once("__") else { continue };
        let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
        let (key, from_file) = match key.strip_suffix("_file") {
            Some(secret) if kind_of(&section, secret) == Some(Kind::Secret) => (secret.to_owned(), true),
            _ => (key, false),
        };
        let Some(kind) = kind_of(&section, &key) else {
            return fail(format!("Unknown setting {name} in the environment. Remove it or correct its name."));
        };
        let text = if from_file {
            match std::fs::read_to_string(&text) {
                Ok(secret) => secret.trim().to_owned(),
                Err(error) => return fail(format!("The file named by {name} cannot be read: {error}.")),
            }
        } else {
            text
        };
        let value = match kind {
            Kind::Text | Kind::Secret => Some(Value::String(text)),
            Kind::Number => {
                text.trim().parse::<u32>().ok().map(|n| Value::Integer(n.into())).or_else(|| whole_number(&text))
            }
            Kind::Switch => text.trim().parse().ok().map(Value::Boolean),
            Kind::List => Some(Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| Value::String(item.into()))
                    .collect(),
            )),
        };
        let Some(value) = value else {
            return fail(format!("{name} in the environment must be {}.", wanted(kind)));
        };
        values.insert(format!("{section}.{key}"), value);
    }
    Ok(())
}

fn whole_number(text: &str) -> Option<Value> {
    text.trim().parse::<i64>().ok().filter(|number| *number >= 0).map(Value::Integer)
}

struct Reader(BTreeMap<String, Value>);

impl Reader {
    fn text(&self, key: &str) -> Option<String> {
        let text = self.0.get(key)?.as_str()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn number(&self, key: &str, default: u64) -> u64 {
        self.0.get(key).and_then(Value::as_integer).map_or(default, |number| number.unsigned_abs())
    }

    fn limit(&self, key: &str, default: u32) -> Result<u32, ConfigError> {
        match u32::try_from(self.number(key, default.into())) {
            Ok(number) if number > 0 => Ok(number),
            _ => fail(format!("`{key}` must be between 1 and {}.", u32::MAX)),
        }
    }

    fn build(self) -> Result<Config, ConfigError> {
        let listen_text = self.text("server.listen").unwrap_or_else(|| "127.0.0.1:8080".into());
        let Ok(listen) = listen_text.parse::<SocketAddr>() else {
            return fail(format!(
                "`server.listen` is \"{listen_text}\"; it must be an address and a port, such as 127.0.0.1:8080."
            ));
        };
        let public_url =
            self.text("server.public_url").map(|url| checked_url("server.public_url", &url)).transpose()?;
        let mut trusted_proxies = Vec::new();
        for item in self.0.get("server.trusted_proxies").and_then(Value::as_array).into_iter().flatten() {
            match item.as_str().unwrap_or_default().parse() {
                Ok(address) => trusted_proxies.push(address),
                Err(_) => return fail("`server.trusted_proxies` must be a list of IP addresses.".into()),
            }
        }
        let keys = match (self.text("stripe.secret_key"), self.text("stripe.webhook_secret")) {
            (Some(key), Some(secrets)) => {
                if !key.starts_with("sk_") && !key.starts_with("rk_") {
                    return fail(
                        "`stripe.secret_key` must begin with sk_ or rk_. Copy it from Stripe's dashboard, Developers, API keys."
                            .into(),
                    );
                }
                Some(StripeKeys {
                    secret_key: Secret(key),
                    webhook_secrets: secrets.split(',').map(|secret| Secret(secret.trim().to_owned())).collect(),
                })
            }
            (None, None) => None,
            (Some(_), None) => {
                return fail(
                    "`stripe.secret_key` is set but `stripe.webhook_secret` is not. Set both, or neither for sandbox payments."
                        .into(),
                );
            }
            (None, Some(_)) => {
                return fail(
                    "`stripe.webhook_secret` is set but `stripe.secret_key` is not. Set both, or neither for sandbox payments."
                        .into(),
                );
            }
        };
        let stripe = Stripe {
            keys,
            api_base: self.text("stripe.api_base").map(|url| checked_url("stripe.api_base", &url)).transpose()?,
            sandbox_on_https: self.0.get("stripe.sandbox").and_then(Value::as_bool).unwrap_or(false),
            reconcile_s: self.number("stripe.reconcile_s", 60).max(1),
        };
        let https = public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
        if https && stripe.keys.is_none() && !stripe.sandbox_on_https {
            return fail(
                "`server.public_url` is https but no Stripe keys are set, so orders would be paid with play money. Set \
                 `stripe.secret_key` and `stripe.webhook_secret`, or `stripe.sandbox = true` if this is a trial."
                    .into(),
            );
        }
        let format = match self.text("log.format").as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => return fail("`log.format` must be \"text\" or \"json\".".into()),
        };
        let level = match self.text("log.level").as_deref() {
            Some("error") => tracing::Level::ERROR,
            Some("warn") => tracing::Level::WARN,
            None | Some("info") => tracing::Level::INFO,
            Some("debug") => tracing::Level::DEBUG,
            Some("trace") => tracing::Level::TRACE,
            Some(_) => return fail("`log.level` must be one of error, warn, info, debug and trace.".into()),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Config {
            server: Server { listen, public_url, trusted_proxies },
            data_dir: self.text("data.dir").unwrap_or_else(|| "data".into()).into(),
            stripe,
            mail: Mail {
                smtp_url: self.text("mail.smtp_url").map(Secret),
                from: self.text("mail.from").unwrap_or_else(|| "shop@localhost".into()),
                alerts_to: self.text("mail.alerts_to").unwrap_or_else(|| "shop@localhost".into()),
            },
            render: Render {
                threads: match self.number("render.threads", cores as u64) as usize {
                    0 => cores,
                    threads => threads.min(64),
                },
                memory_mb: self.number("render.memory_mb", 512).max(64),
            },
            uploads: Uploads {
                max_bytes: self.number("uploads.max_bytes", 40 * 1024 * 1024),
                max_pixels: self.number("uploads.max_pixels", 64_000_000),
            },
            limits: Limits {
                read: self.limit("limits.read", 3000)?,
                write: self.limit("limits.write", 600)?,
                upload: self.limit("limits.upload", 300)?,
                preview: self.limit("limits.preview", 600)?,
                login: self.limit("limits.login", 10)?,
            },
            log: Log { format, level },
        })
    }
}

fn checked_url(key: &str, url: &str) -> Result<String, ConfigError> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return fail(format!("`{key}` must be a web address without a path, such as https://shop.example.com."));
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("petstar.toml");
        std::fs::write(&file, toml).unwrap();
        let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Config::load(&file, true, environment, &Overrides::default())
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.uploads.max_bytes, 41_943_040);
        assert!(config.stripe.keys.is_none());
    }

    #[test]
    fn the_command_line_beats_the_environment_and_that_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("petstar.toml");
        std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:1\"\n[limits]\nread = 7\n").unwrap();
        let environment = [
            ("PETSTAR_SERVER__LISTEN".to_string(), "127.0.0.1:2".to_string()),
            ("PETSTAR_LIMITS__READ".to_string(), "8".to_string()),
            ("PETSTAR_HOME".to_string(), "not ours".to_string()),
        ];
        let overrides = Overrides { listen: Some("127.0.0.1:3".into()), data_dir: None };
        let config = Config::load(&file, true, environment.into_iter(), &overrides).unwrap();
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.limits.read, 8);
    }

    #[test]
    fn mistakes_are_named() {
        let cases: &[(&str, &[(&str, &str)], &str)] = &[
            ("[server]\nlissten = \"x\"", &[], "server.lissten"),
            ("[servr]\nlisten = \"x\"", &[], "[servr]"),
            ("[server]\nlisten = 5", &[], "text in quotes"),
            ("[server]\nlisten = \"here\"", &[], "address and a port"),
            ("", &[("PETSTAR_SERVER__PORT", "5")], "PETSTAR_SERVER__PORT"),
            ("", &[("PETSTAR_LIMITS__READ", "many")], "whole number"),
            ("", &[("PETSTAR_STRIPE__SECRET_KEY", "sk_test_1")], "webhook_secret"),
            ("", &[("PETSTAR_SERVER__PUBLIC_URL", "https://a.example")], "play money"),
            ("a = ", &[], "line 1"),
        ];
        for (toml, environment, words) in cases {
            let error = load(toml, environment).unwrap_err();
            assert!(error.0.contains(words), "{error} should contain {words}");
        }
    }

    #[test]
    fn secrets_come_from_files_and_are_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("key");
        std::fs::write(&secret, "sk_test_hidden\n").unwrap();
        let config = load(
            "[stripe]\nwebhook_secret = \"whsec_hidden, whsec_old\"",
            &[("PETSTAR_STRIPE__SECRET_KEY_FILE", secret.to_str().unwrap())],
        )
        .unwrap();
        assert_eq!(config.stripe.keys.as_ref().unwrap().secret_key.expose(), "sk_test_hidden");
        assert_eq!(config.stripe.keys.as_ref().unwrap().webhook_secrets.len(), 2);
        assert!(!format!("{config:?}").contains("hidden"));
    }
}
