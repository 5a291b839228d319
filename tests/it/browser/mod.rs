//! Stories told in real Chromium, driven through Debian's chromedriver. They wait for what a person would wait for, never for a time.
//!
//! Every step leaves a picture in `target/screenshots/<story>/`; a story that fails leaves `failed.png` and `failed.html` there.

mod access;
mod axe;
mod days_work;
mod driver;
mod editor;
mod editor_devices;
mod editor_mockup;
mod editor_moves;
mod layout;
mod panel;
mod purchase;
mod steps;
mod weight;
mod window;

pub use driver::Settings;
pub use window::{Device, Window};

use crate::kit::TestShop;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use tokio::sync::Semaphore;

/// Each browser is a dozen processes: more than two at once only wait for each other.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// Starts a shop and a browser, lets `tell` play the story, and cleans up whatever happened.
async fn story(settings: Settings, tell: impl AsyncFnOnce(&Window, &TestShop)) {
    let _place = BROWSERS.acquire().await.expect("nobody closes it");
    let shop = TestShop::start().await;
    let window = Window::open(settings, &format!("http://{}", shop.app.address)).await;
    let ending = AssertUnwindSafe(tell(&window, &shop)).catch_unwind().await;
    if ending.is_err() {
        window.keep_evidence().await;
    }
    window.close().await;
    shop.app.stop().await;
    if let Err(panic) = ending {
        std::panic::resume_unwind(panic);
    }
}
