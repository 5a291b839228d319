//! The house as a whole: the only room that knows every other. Puts routes and job handlers together, starts, stops.
//!
//! May touch: everything. Begin with [`App::start`].

pub mod backup;
pub mod check;
pub mod commands;
pub mod control;
mod dashboard;
mod export;
mod health;
mod jobs;
pub mod lists;
mod probes;
pub mod server;
pub mod service;
pub mod system;
mod takings;
mod timers;

#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::kernel::{Fault, Lang};
use crate::queue::{Handlers, LaneSizes, Queue};
use crate::shop::clock::Clock;
use crate::shop::{Shop, Started};
use crate::store::WriteTx;
use crate::stripe::sandbox::{self, Sandbox, SandboxConfig};
use crate::stripe::{Stripe, StripeConfig};
use crate::web::{self, Kit};
use crate::{catalog, designs, exports, orders, payments, people};
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Extension, Router};
use server::Server;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use utoipa_axum::router::OpenApiRouter;

/// The most a body may hold unless a route says otherwise: forms and JSON, no pictures.
const BODY_LIMIT: usize = 1024 * 1024;

/// A running shop.
pub struct App {
    pub shop: Shop,
    /// The address really listened on.
    pub address: SocketAddr,
    /// The stand-in for Stripe, while there are no keys.
    pub sandbox: Option<Sandbox>,
    /// Where the owner sets up the panel, while there is no owner yet.
    pub setup_link: Option<String>,
    server: Server,
    timers: timers::Timers,
    control: Option<control::Listener>,
    queue: Queue,
}

/// What a start may leave out or bring along.
pub struct Start {
    pub config: Config,
    pub clock: Clock,
    /// This binary, which decodes photos in a child process.
    pub program: PathBuf,
    /// Commands given while the shop runs come through a socket in the data folder.
    pub with_control: bool,
    /// How long one call to Stripe may take, for tests that let it hang; ten seconds otherwise.
    pub stripe_timeout: Option<Duration>,
    /// Sweeps, rounds of questions and whatever else comes by the clock. Without it a test makes each round itself.
    pub with_timers: bool,
}

impl App {
    /// Opens the data folder, fills it when it is new, starts workers, timers and the server.
    ///
    /// # Errors
    /// A folder, database or port that cannot be had.
    pub async fn start(start: Start) -> Result<App, Fault> {
        let Start { config, clock, program, with_control, stripe_timeout, with_timers } = start;
        server::allow_many_files();
        let shop = tokio::task::spawn_blocking({
            let (config, clock) = (config.clone(), clock.clone());
            move || Shop::open(config, clock, program)
        })
        .await
        .map_err(|error| Fault::bug(error.to_string()))??;
        tokio::task::spawn_blocking({
            let shop = shop.clone();
            move || {
                lists::fill(shop.store())?;
                orders::finding::listen(&shop);
                catalog::start(&shop)
            }
        })
        .await
        .map_err(|error| Fault::bug(error.to_string()))??;
        let listener = TcpListener::bind(config.server.listen).await.map_err(|error| {
            Fault::Io(format!(
                "cannot listen on {}: {error}. Choose another address with --listen or `server.listen`",
                config.server.listen
            ))
        })?;
        let address = listener.local_addr()?;
        let public_url = config.server.public_url.clone().unwrap_or_else(|| format!("http://{}", reachable(address)));
        system::begin(&shop);
        let (stripe, webhook_secrets, checkout_origin, sandbox) =
            payments_side(&config, &clock, address, &public_url, stripe_timeout).await?;

        let handlers = Handlers::new();
        let handlers = people::handlers(&shop, handlers)?;
        let handlers = designs::handlers(&shop, handlers, {
            let shop = shop.clone();
            Arc::new(move |tx: &WriteTx, design: &designs::Design| {
                orders::design_settled(tx, &shop, design, shop.now())
            })
        });
        let handlers = payments::handlers(&shop, handlers);
        let handlers = exports::handlers(&shop, handlers);
        let handlers = backup::handlers(&shop, handlers);
        let handlers = handlers.on_dead({
            let shop = shop.clone();
            move |tx, job| people::mails::alarm_dead_job(tx, &shop, job)
        });
        let now = clock.clone();
        let queue = Queue::new(shop.store().clone(), move || now.now());
        shop.set_started(Started {
            public_url,
            queue: queue.clone(),
            stripe,
            webhook_secrets,
            checkout_origin,
            is_sandbox: sandbox.is_some(),
        });
        let setup_link = people::prepare_setup_link(&shop).await?;
        // Only now: a job that goes on from before the restart may need everything above.
        crate::render::stand_back();
        let sizes = LaneSizes { quick: 4, heavy: config.render.threads.clamp(1, 4) };
        queue.work(handlers, sizes, tokio::runtime::Handle::current())?;

        let timers = timers::Timers::default();
        if with_timers {
            timers.start(&shop);
        }
        let kit = Kit::new(shop.clone());
        timers.every(Duration::from_secs(60), {
            let limits = kit.limits.clone();
            move || {
                let limits = limits.clone();
                async move { limits.forget_idle() }
            }
        });
        // Orders that change together are told to the search index together.
        timers.with(&shop, Duration::from_millis(300), |shop| async move { orders::finding::follow(&shop).await });
        let server = Server::start(listener, service(&kit))?;
        let control = match with_control {
            true => Some(control::Listener::start(&shop)?),
            false => None,
        };
        std::thread::spawn(web::assets::pack_ahead);
        Ok(App { shop, address, sandbox, setup_link, server, timers, control, queue })
    }

    /// Takes no new work, lets running requests and job steps end, closes the database. Returns within ten seconds.
    pub async fn stop(self) {
        drop(self.control);
        self.timers.stop();
        self.server.stop(Duration::from_secs(5)).await;
        if !self.queue.stop(Duration::from_secs(4)).await {
            tracing::warn!("a job did not reach its next step in time; it goes on at the next start");
        }
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        if let Err(fault) = self.shop.store().clone().close() {
            tracing::error!(%fault, "closing the database");
        }
    }
}

/// The client for Stripe, or for the stand-in when there are no keys.
async fn payments_side(
    config: &Config,
    clock: &Clock,
    address: SocketAddr,
    public_url: &str,
    timeout: Option<Duration>,
) -> Result<(Stripe, Vec<String>, String, Option<Sandbox>), Fault> {
    if let Some(keys) = &config.stripe.keys {
        let mut stripe = hurried(StripeConfig::new(keys.secret_key.expose()), timeout);
        let origin = match &config.stripe.api_base {
            Some(base) => {
                stripe.api_base = base.clone();
                // Where such a server has its payment pages is known only from the first of them.
                format!("{base} http: https:")
            }
            None => "https://checkout.stripe.com".to_owned(),
        };
        let secrets = keys.webhook_secrets.iter().map(|secret| secret.expose().to_owned()).collect();
        return Ok((Stripe::new(stripe)?, secrets, origin, None));
    }
    let secrets = sandbox::Secrets::random()?;
    // Beside the shop's own port where that was chosen, so that it is found again after a restart; else any.
    let beside = SocketAddr::new(address.ip(), address.port().wrapping_add(1));
    let is_free = config.server.listen.port() != 0 && std::net::TcpListener::bind(beside).is_ok();
    let listen = if is_free { beside } else { SocketAddr::new(address.ip(), 0) };
    let now = clock.clone();
    let settings =
        SandboxConfig::new(listen, config.data_dir.join("sandbox.jsonl"), secrets.clone(), move || now.now())
            .public_base(sandbox_base(public_url, listen))
            .webhook_url(format!("http://{}/webhooks/stripe", reachable(address)));
    let sandbox = Sandbox::start(settings).await?;
    let mut stripe = hurried(StripeConfig::new(&secrets.secret_key), timeout);
    stripe.api_base = format!("http://{}", reachable(sandbox.addr()));
    let origin = sandbox.base().to_owned();
    Ok((Stripe::new(stripe)?, vec![secrets.webhook_secret], origin, Some(sandbox)))
}

/// The usual patience, or a shorter one with shorter pauses.
fn hurried(config: StripeConfig, timeout: Option<Duration>) -> StripeConfig {
    match timeout {
        Some(timeout) => StripeConfig { timeout, first_delay: timeout / 33, ..config },
        None => config,
    }
}

/// Where customers find the stand-in: on the host they know the shop by. Empty stands for the address it listens on.
fn sandbox_base(public_url: &str, listen: SocketAddr) -> String {
    let place = public_url.split_once("://").map_or(public_url, |(_, place)| place);
    let host = place.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(place, |(host, _)| host);
    if listen.port() == 0 || host == listen.ip().to_string() {
        String::new()
    } else {
        format!("http://{host}:{}", listen.port())
    }
}

/// An address under which this machine reaches itself: "all addresses" is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

/// Every route with its description, before the layers.
pub fn routes() -> (Router<Shop>, utoipa::openapi::OpenApi) {
    let mut document = utoipa::openapi::OpenApi::default();
    document.info = utoipa::openapi::Info::builder()
        .title("petstar")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The JSON face of every route. Money is an integer in the currency's minor unit; times are RFC 3339 in UTC; \
             errors are RFC 9457 problem documents with a stable `code`.",
        ))
        .build();
    OpenApiRouter::with_openapi(document)
        .merge(probes::routes())
        .merge(people::routes())
        .merge(catalog::routes())
        .merge(designs::routes())
        .merge(orders::routes())
        .merge(payments::routes())
        .merge(exports::routes())
        .merge(dashboard::routes())
        .merge(jobs::routes())
        .merge(backup::web::routes())
        .merge(system::web::routes())
        .split_for_parts()
}

/// The whole application as a service.
fn service(kit: &Kit) -> Router {
    let (router, document) = routes();
    // The document never changes while the program runs, so it is written once.
    let document = bytes::Bytes::from(document.to_json().unwrap_or_default());
    let router = router
        .route("/openapi.json", get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) }))
        .route("/assets/{*name}", get(web::assets::serve))
        .fallback(|| async { web::Problem::not_found() })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(Extension(people::audit::web::ByName(|tx, name| {
            let order = orders::by_number(tx, &name.to_uppercase())?;
            Ok(order.map(|order| order.id.0))
        })));
    let shop = kit.shop.clone();
    kit.wrap(router, move |router| {
        people::identify(router.layer(from_fn_with_state(shop.clone(), orders::basket::count_lines)), shop)
    })
}

/// What a person who has just started the shop needs to know.
pub fn welcome(app: &App) -> String {
    let mut text = format!("petstar is open at {}\n", app.shop.public_url());
    if let Some(link) = &app.setup_link {
        text += &format!("Set up the panel (this link works once): {link}\n");
    }
    if app.shop.is_sandbox() {
        text += "Payments are play money: no Stripe keys are set.\n";
    }
    if people::setup::refuses_live_payments(&app.shop) {
        text += "Live payments are refused until this is filled in, in the panel's settings:\n";
        for key in people::setup::missing(&app.shop.settings()) {
            text += &format!("  - {}\n", web::words::text(Lang::En, key));
        }
    }
    text
}
