//! What a customer does, step by step, with scripts and without.

use super::Window;
use std::path::{Path, PathBuf};

/// A real photo of a cat.
pub fn photo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos/chelsea.jpg")
}

/// From the front page to the editor of a fresh design, by what one sees. Gives the design's path.
pub async fn choose_a_piece(window: &Window) -> String {
    window.go("/").await;
    window.see("h1").await;
    window.picture("front").await;
    window.click_through(".hero .button-main").await;
    assert_eq!(window.path().await, "/products");
    window.picture("products").await;
    window.click_through(".product-card a").await;
    assert!(window.path().await.starts_with("/products/"));
    window.picture("product").await;
    window.click_through("main form .button-main").await;
    window.arrive("the editor", |path| path.starts_with("/designs/")).await
}

/// The script has nothing left to send: what is seen is what the server has.
pub const SETTLED: &str = "document.getElementById('saved').dataset.saved === 'yes' && !document.getElementById('piece').dataset.busy && !document.querySelector('[data-moving]')";

/// Uploads a photo through the button and waits for the picture of the piece with it.
pub async fn add_photo(window: &Window) {
    let before = window.attribute("#preview", "src").await;
    window.attach("#file", &photo()).await;
    window.holds("document.querySelector('[data-kind=photo] input[type=radio]:checked')?.value").await;
    window.holds(SETTLED).await;
    assert_ne!(window.attribute("#preview", "src").await, before, "the piece shows the photo");
}

/// Types a name into the first text field and waits until it is saved and seen.
pub async fn add_name(window: &Window, name: &str) {
    let before = window.attribute("#preview", "src").await;
    window.fill("[data-kind=text] input", name).await;
    window.holds(SETTLED).await;
    assert_ne!(window.attribute("#preview", "src").await, before, "the piece shows the name");
}

/// From the basket through the address to the page that shows everything once more. Gives the order's path.
pub async fn order(window: &Window) -> String {
    window.see(".lines .line").await;
    window.picture("basket").await;
    window.click_through(".summary .button-main").await;
    window.picture("order-form").await;
    give_address(window).await;
    window.picture("order-form-filled").await;
    window.click_through("main form .button-main").await;
    let path = window.arrive("the confirmation page", |path| path.contains("/confirm")).await;
    window.picture("confirm").await;
    path.split("/confirm").next().unwrap_or_default().to_owned()
}

async fn give_address(window: &Window) {
    for (name, value) in [
        ("email", "mika@example.com"),
        ("shipping_address.name", "佐藤 美香"),
        ("shipping_address.postal_code", "150-0001"),
        ("shipping_address.region", "東京都"),
        ("shipping_address.city", "渋谷区"),
        ("shipping_address.line1", "神宮前1-2-3"),
        ("shipping_address.phone", "03-1234-5678"),
    ] {
        window.answer(&format!("[name='{name}']"), value).await;
    }
}

/// From the confirmation page to the payment page, which lives on another origin.
pub async fn go_to_payment(window: &Window) {
    let shop = origin(&window.url().await);
    window.click("form[action*='/checkout'] .button-main").await;
    window.see("#pay").await;
    assert_ne!(origin(&window.url().await), shop, "payments are made on another origin");
    window.picture("payment").await;
}

/// What the order page shows once the money is there, and not before.
pub const PAID: &str = "#order-live .notice[data-kind=good]";

/// Pays, and sees the shop say so without doing anything more.
pub async fn pay(window: &Window, order: &str) {
    window.click("#pay").await;
    window.arrive("the order page", |path| path.starts_with(order)).await;
    window.see(PAID).await;
}

fn origin(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/")
}

/// By how many pixels the page is wider than the screen, if it is.
pub async fn too_wide(window: &Window) -> Option<i64> {
    let over =
        window.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth", vec![]).await;
    over.as_i64().filter(|over| *over > 0)
}

/// Asserts that nothing on the page is wider than the screen.
pub async fn fits(window: &Window, what: &str) {
    assert_eq!(too_wide(window).await, None, "{what} is wider than the screen");
}
