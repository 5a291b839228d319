//! Reads the command line and calls [`petstar::app`].

use clap::{Parser, Subcommand};
use petstar::app::commands::{self, Command, ExportWish, Outcome};
use petstar::app::{self, App, Start, backup, control, service};
use petstar::config::{Config, LogFormat, Overrides};
use petstar::designs;
use petstar::exports::model::Filters;
use petstar::exports::{Encoding, Heads, Kind, Rows};
use petstar::kernel::{Error, Fault, failpoint};
use petstar::shop::Shop;
use petstar::shop::clock::Clock;
use petstar::web::Role;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A shop for personalised pet goods in one program.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Verb>,
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on (as for `serve`).
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the shop, its panel and its workers (what petstar does without a command).
    Serve {
        /// Address and port to listen on.
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Look at configuration, database, files, Stripe and mail, and say what is wrong.
    Check {
        /// Also repair what is safe to repair.
        #[arg(long)]
        repair: bool,
    },
    /// People who may log in to the panel.
    #[command(subcommand)]
    Staff(StaffVerb),
    /// Tokens for scripts.
    #[command(subcommand)]
    Token(TokenVerb),
    /// Write database, photos, print files and settings into one file, also while the shop runs.
    Backup {
        /// The file to write; one that is there is replaced when the new one is whole.
        file: PathBuf,
    },
    /// Make a data folder from a backup.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Only read everything, and say what would be done.
        #[arg(long)]
        check: bool,
    },
    /// Write a CSV file: orders, customers, designs or audit.
    Export {
        /// orders, customers, designs or audit.
        #[arg(value_parser = kind)]
        kind: Kind,
        /// From this day on: 2024-05-01 in the shop's time zone, or RFC 3339.
        #[arg(long, value_name = "D", default_value = "")]
        from: String,
        /// Up to this day.
        #[arg(long, value_name = "D", default_value = "")]
        to: String,
        /// Only orders, or designs, in this state.
        #[arg(long, value_name = "STATE", default_value = "")]
        status: String,
        /// Only orders with this product and their customers, or designs of it: its id, or its name in the shop's addresses.
        #[arg(long, value_name = "NAME", default_value = "")]
        product: String,
        /// Only what the audit log says about this member of the staff, or token: the name, or its beginning.
        #[arg(long, value_name = "NAME", default_value = "")]
        actor: String,
        /// per_order or per_line.
        #[arg(long, value_parser = rows, default_value = "per_order")]
        rows: Rows,
        /// utf-8-bom or cp932.
        #[arg(long, value_parser = encoding, default_value = "utf-8-bom")]
        encoding: Encoding,
        /// What stands above the columns: names, or words in en or ja.
        #[arg(long, value_parser = heads, default_value = "names")]
        heads: Heads,
        /// The file to write; one that is there is replaced when the new one is whole.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// The shop as a service of this machine.
    #[command(subcommand)]
    Service(ServiceVerb),
    /// Payments through Stripe.
    #[command(subcommand)]
    Stripe(StripeVerb),
    /// Rebuild the search index.
    Reindex,
    /// Decode one photo under limits; started by the shop itself.
    #[command(hide = true)]
    DecodePhoto {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

#[derive(Subcommand)]
enum StaffVerb {
    /// Add a member of the staff; the password is read from standard input.
    Add {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// owner, manager, printer or viewer.
        #[arg(long, value_parser = role)]
        role: Role,
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Set a new password, read from standard input; all of that person's sessions end.
    ResetPassword {
        #[arg(long)]
        email: String,
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// List the staff.
    List,
}

#[derive(Subcommand)]
enum ServiceVerb {
    /// Write a unit for systemd that starts the shop with the machine and locks it into its own folder.
    Install {
        /// Only show the unit.
        #[arg(long)]
        print: bool,
        /// The account that owns the folder given with --data. Without both, systemd provides account and folder.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Where to write it.
        #[arg(long, value_name = "FILE", default_value = service::UNIT)]
        to: PathBuf,
    },
}

#[derive(Subcommand)]
enum StripeVerb {
    /// Look at keys, mode, clock, webhook and its way here, and say what to do.
    Check,
}

#[derive(Subcommand)]
enum TokenVerb {
    /// Make a token and print it, once.
    Add {
        #[arg(long)]
        name: String,
        /// owner, manager, printer or viewer.
        #[arg(long, value_parser = role, default_value = "owner")]
        role: Role,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "choose owner, manager, printer or viewer".into())
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| "choose orders, customers, designs or audit".into())
}

fn rows(text: &str) -> Result<Rows, String> {
    Rows::from_name(text).ok_or_else(|| "choose per_order or per_line".into())
}

fn encoding(text: &str) -> Result<Encoding, String> {
    Encoding::from_name(text).ok_or_else(|| "choose utf-8-bom or cp932".into())
}

fn heads(text: &str) -> Result<Heads, String> {
    Heads::from_name(text).ok_or_else(|| "choose names, en or ja".into())
}

fn main() -> ExitCode {
    // The child that decodes a photo must be small and quick: no runtime, no configuration, no log.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == "decode-photo") {
        return petstar::render::photo::child_main();
    }
    if std::env::args_os().nth(1).is_some_and(|verb| verb == "clean-artwork") {
        return petstar::render::artwork::clean::child_main();
    }
    let cli = Cli::parse();
    let listen = match &cli.command {
        Some(Verb::Serve { listen }) => listen.clone().or(cli.listen.clone()),
        _ => cli.listen.clone(),
    };
    let overrides = Overrides { listen, data_dir: cli.data.clone() };
    let file = cli.config.clone().unwrap_or_else(|| "petstar.toml".into());
    let config = match Config::load(&file, cli.config.is_some(), environment(), &overrides) {
        Ok(config) => config,
        Err(error) => return complain(&error.to_string()),
    };
    if let Some(Verb::Service(ServiceVerb::Install { print: only_show, user, to })) = cli.command {
        let data_given = cli.data.is_some() || config.data_dir != Path::new("data");
        let place = service::Place::new(&config, &file, data_given, user);
        return match place.and_then(|place| service::install(&place, &to, only_show)) {
            Ok(outcome) => print(&outcome),
            Err(fault) => complain(&commands::tell(&fault.into())),
        };
    }
    start_log(&config);
    arm_failpoint();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("The program cannot start its threads: {error}.")),
    };
    let code = runtime.block_on(run(cli.command.unwrap_or(Verb::Serve { listen: None }), config));
    // Workers that did not end in time must not hold the exit up.
    runtime.shutdown_background();
    code
}

/// For the crash tests: the process dies at once at the point named in the environment. Nothing in a build without debug assertions.
fn arm_failpoint() {
    if cfg!(debug_assertions)
        && let Some(plan) = std::env::var_os("PETSTAR_FAILPOINT").and_then(|plan| plan.into_string().ok())
    {
        failpoint::arm(&plan, || {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        });
    }
}

/// The environment, without what is not text and so not ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

async fn run(verb: Verb, config: Config) -> ExitCode {
    let command = match verb {
        Verb::Serve { .. } => return serve(config).await,
        Verb::DecodePhoto { .. } | Verb::Service(_) => return ExitCode::from(2),
        Verb::Check { repair } => Command::Check { repair },
        Verb::Backup { file } => Command::Backup { file },
        Verb::Export { kind, from, to, status, product, actor, rows, encoding, heads, output } => {
            let filters = Filters { status, product, actor, from, to };
            Command::Export { wish: ExportWish { kind, encoding, rows, heads, filters }, file: output }
        }
        Verb::Restore { file, check } => return restore(file, config, check).await,
        Verb::Stripe(StripeVerb::Check) => Command::StripeCheck,
        Verb::Reindex => Command::Reindex,
        Verb::Token(TokenVerb::Add { name, role }) => Command::TokenAdd { name, role },
        Verb::Staff(StaffVerb::List) => Command::StaffList,
        Verb::Staff(StaffVerb::Add { email, name, role, .. }) => match password() {
            Ok(password) => Command::StaffAdd { email, name, role, password },
            Err(text) => return complain(&text),
        },
        Verb::Staff(StaffVerb::ResetPassword { email, .. }) => match password() {
            Ok(password) => Command::StaffResetPassword { email, password },
            Err(text) => return complain(&text),
        },
    };
    let outcome = match control::ask(&config.data_dir, &command).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => match open(config).await {
            Ok(shop) => {
                let outcome = commands::run(&shop, command).await;
                if let Err(fault) = shop.store().clone().close() {
                    return complain(&commands::tell(&fault.into()));
                }
                outcome
            }
            Err(fault) => return complain(&commands::tell(&fault.into())),
        },
        Err(fault) => return complain(&commands::tell(&fault.into())),
    };
    print(&outcome)
}

async fn open(config: Config) -> Result<Shop, Fault> {
    let program = std::env::current_exe()?;
    let open = move || {
        let shop = Shop::open(config, Clock::System, program)?;
        app::lists::fill(shop.store())?;
        Ok(shop)
    };
    tokio::task::spawn_blocking(open).await.map_err(|error| Fault::bug(error.to_string()))?
}

async fn restore(file: PathBuf, config: Config, only_check: bool) -> ExitCode {
    let work = tokio::task::spawn_blocking(move || backup::restore(&file, &config.data_dir, only_check));
    match work.await.map_err(|error| Fault::bug(error.to_string())).flatten() {
        Ok(outcome) => print(&outcome),
        Err(fault) => complain(&commands::tell(&fault.into())),
    }
}

async fn serve(config: Config) -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return complain(&format!("The program cannot find its own file: {error}.")),
    };
    let app = match App::start(Start {
        config,
        clock: Clock::System,
        program,
        with_control: true,
        stripe_timeout: None,
        with_timers: true,
    })
    .await
    {
        Ok(app) => app,
        Err(fault) => return complain(&commands::tell(&Error::Faulted(fault))),
    };
    let mut out = std::io::stdout();
    let _ = write!(out, "{}", app::welcome(&app));
    let _ = out.flush();
    // Without optimisation a picture takes a second, and whoever tries something out wants the cores for that.
    if !cfg!(debug_assertions) {
        let shop = app.shop.clone();
        std::thread::spawn(move || designs::draw_ahead(&shop));
    }
    let broken = tokio::select! {
        () = stop_wanted() => None,
        fault = app.shop.store().broken() => Some(fault),
    };
    match broken {
        None => {
            tracing::info!("stopping");
            app.stop().await;
            ExitCode::SUCCESS
        }
        Some(fault) => {
            // The database takes no more writes until it is opened anew, so the supervisor is asked for a fresh start.
            tracing::error!(%fault, "storage error, the shop ends");
            complain(&format!(
                "The database could not be written ({fault}). Check the disk, then start the shop again."
            ))
        }
    }
}

async fn stop_wanted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// The password, one line of standard input.
fn password() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(|error| format!("The password cannot be read: {error}."))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    if line.is_empty() { Err("Give the password on standard input.".into()) } else { Ok(line) }
}

fn print(outcome: &Outcome) -> ExitCode {
    let _ = std::io::stdout().write_all(outcome.stdout.as_bytes());
    let _ = std::io::stderr().write_all(outcome.stderr.as_bytes());
    ExitCode::from(outcome.code)
}

fn complain(text: &str) -> ExitCode {
    eprintln!("petstar: {text}");
    ExitCode::FAILURE
}

fn start_log(config: &Config) {
    use petstar::app::system::recent::Keeper;
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    // Libraries may only warn: their debug lines quote requests, and requests hold names and addresses.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("petstar", config.log.level);
    let log = tracing_subscriber::registry().with(filter);
    let lines = layer().with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => log.with(lines.with_ansi(false)).with(Keeper::of_this_process()).init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).with(Keeper::of_this_process()).init(),
    }
}
