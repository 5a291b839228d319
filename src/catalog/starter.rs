//! The starter catalogue: `assets/products/<slug>/product.toml` with its artwork, put into an empty shop and kept up to date.

use super::layout::ProductFile;
use super::model::{Product, ProductId, ProductStatus, SurfaceRow, Variant, VariantId, surface_hash};
use super::table::{self, Starter};
use super::{layout, shelf};
use crate::kernel::{Fault, Moment};
use crate::shop::Shop;
use rust_embed::RustEmbed;
use std::collections::BTreeMap;

#[derive(RustEmbed)]
#[folder = "assets"]
#[include = "products/*"]
struct Files;

/// One product as it is bundled.
pub struct Bundled {
    pub file: ProductFile,
    /// SVG by file name.
    pub artwork: BTreeMap<String, String>,
}

impl Bundled {
    /// First 16 hex digits of the SHA-256 of the file's content and the artwork.
    fn hash(&self) -> String {
        surface_hash(&self.file, &self.artwork)
    }
}

/// Every bundled product, in the order of `assets/products/order.txt`.
///
/// # Errors
/// A file that is not a product: a mistake in the program, which a test finds first.
pub fn bundled() -> Result<Vec<Bundled>, Fault> {
    let mut products = Vec::new();
    for path in Files::iter() {
        let Some(folder) = path.strip_suffix("/product.toml") else { continue };
        let file = ProductFile::parse(&text_of(&path)?).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Fault::bug(format!("assets/{path}: {}", problems.join("; ")))
        })?;
        let mut artwork = BTreeMap::new();
        for name in file.layout.artwork_files() {
            artwork.insert(name.to_owned(), text_of(&format!("{folder}/{name}"))?);
        }
        products.push(Bundled { file, artwork });
    }
    let order = if Files::get("products/order.txt").is_some() { text_of("products/order.txt")? } else { String::new() };
    let place = |slug: &str| order.lines().position(|line| line.trim() == slug).unwrap_or(usize::MAX);
    products.sort_by_cached_key(|product| (place(&product.file.slug), product.file.slug.clone()));
    Ok(products)
}

fn text_of(path: &str) -> Result<String, Fault> {
    let file = Files::get(path).ok_or_else(|| Fault::bug(format!("assets/{path} is missing")))?;
    String::from_utf8(file.data.into_owned()).map_err(|_| Fault::bug(format!("assets/{path} is not UTF-8")))
}

/// Puts the bundled products into the shop that it never had, and gives those it has the layouts of this version of petstar. What
/// the owner changed (prices, stock, texts, status) stays. Returns how many products were new.
///
/// # Errors
/// A database that cannot be written.
pub fn install_starter(shop: &Shop) -> Result<usize, Fault> {
    let bundled = bundled()?;
    let now = shop.now();
    let tx = shop.store().read()?;
    let mut wanted = Vec::new();
    for (position, product) in bundled.into_iter().enumerate() {
        let hash = product.hash();
        if table::starter(&tx, &product.file.slug)?.is_none_or(|starter| starter.hash != hash) {
            wanted.push((position as u32, product, hash));
        }
    }
    drop(tx);
    if wanted.is_empty() {
        return Ok(0);
    }
    let memory = shelf::memory(shop);
    let shop = shop.clone();
    shop.clone().store().write_blocking(move |tx| {
        let mut new = 0;
        for (position, bundled, hash) in wanted {
            let slug = bundled.file.slug.clone();
            let starter = table::starter(tx, &slug)?;
            let known = match &starter {
                Some(starter) => table::product(tx, starter.product_id)?,
                None => None,
            };
            let product = match known {
                // What the owner made is the owner's, and what the owner deleted stays away.
                Some(Product { own_layout: true, id, .. }) => {
                    table::put_starter(tx, &slug, &Starter { product_id: id, hash })?;
                    continue;
                }
                None if starter.is_some() => continue,
                Some(product) => {
                    let before = table::surface(tx, product.id, product.layout_version)?;
                    updated(&shop, product, before.map(|row| row.file).as_ref(), &bundled.file, now)
                }
                None if table::of_slug(tx, &slug)?.is_some() => continue,
                None => {
                    new += 1;
                    fresh(&shop, &bundled.file, position, now)
                }
            };
            let row = SurfaceRow::new(bundled.file, bundled.artwork);
            table::put_surface(tx, product.id, product.layout_version, &row)?;
            table::put_product(tx, &product, &memory).map_err(as_fault)?;
            table::put_starter(tx, &slug, &Starter { product_id: product.id, hash })?;
        }
        Ok(new)
    })
}

fn as_fault(error: crate::kernel::Error) -> Fault {
    match error {
        crate::kernel::Error::Faulted(fault) => fault,
        crate::kernel::Error::Refused(refusal) => Fault::bug(refusal.detail.key),
    }
}

fn fresh(shop: &Shop, file: &ProductFile, position: u32, now: Moment) -> Product {
    Product {
        id: ProductId(shop.new_id()),
        slug: file.slug.clone(),
        category: file.category.clone(),
        status: ProductStatus::Active,
        name: file.name.clone(),
        description: file.description.clone(),
        variants: file.variants.iter().map(|variant| new_variant(shop, variant)).collect(),
        former: Vec::new(),
        pictures: Vec::new(),
        former_slugs: Vec::new(),
        layout_version: 1,
        own_layout: false,
        tax_class: String::new(),
        position,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

fn new_variant(shop: &Shop, variant: &layout::Variant) -> Variant {
    let size_class = serde_json::to_value(variant.size_class).ok();
    Variant {
        id: VariantId(shop.new_id()),
        key: variant.key.clone(),
        name: variant.name.clone(),
        width_mm: variant.width_mm,
        height_mm: variant.height_mm,
        price: variant.price,
        stock: None,
        size_class: size_class.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default(),
    }
}

/// A new layout version; variants that came are added, none is taken away. Words that are still those of the file `before` become the
/// new file's, which may tell what is new about the layout.
fn updated(
    shop: &Shop,
    mut product: Product,
    before: Option<&ProductFile>,
    file: &ProductFile,
    now: Moment,
) -> Product {
    if before.is_some_and(|before| before.name == product.name) {
        product.name = file.name.clone();
    }
    if before.is_some_and(|before| before.description == product.description) {
        product.description = file.description.clone();
    }
    for variant in &file.variants {
        if !product.all_variants().any(|known| known.key == variant.key) {
            product.variants.push(new_variant(shop, variant));
        }
    }
    product.layout_version += 1;
    product.version += 1;
    product.updated_at = now;
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::lang::Words;

    #[test]
    fn every_bundled_product_is_whole() {
        let products = bundled().unwrap();
        for product in &products {
            let slug = &product.file.slug;
            assert!(!product.file.variants.is_empty(), "{slug} has no variants");
            for variant in &product.file.variants {
                assert_eq!(product.file.layout.size_problem(variant.size()), None, "{slug} {}", variant.key);
                assert!(variant.price > 0, "{slug} {} costs nothing", variant.key);
            }
            for (name, svg) in &product.artwork {
                assert!(crate::render::Artwork::new(svg.as_bytes()).is_ok(), "{slug}/{name}");
            }
        }
    }

    fn shop(folder: &std::path::Path) -> Shop {
        let overrides = crate::config::Overrides { listen: None, data_dir: Some(folder.to_owned()) };
        let config =
            crate::config::Config::load(&folder.join("none.toml"), false, std::iter::empty(), &overrides).unwrap();
        let clock = crate::shop::clock::Clock::fixed(Moment::from_unix_seconds(1_800_000_000));
        Shop::open(config, clock, "petstar".into()).unwrap()
    }

    #[test]
    fn an_empty_shop_is_filled_once() {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        let new = install_starter(&shop).unwrap();
        assert!(new >= 8, "only {new} products");
        assert_eq!(install_starter(&shop).unwrap(), 0);
        let shelf = shelf::shelf(&shop).unwrap();
        assert_eq!(shelf.all().len(), new);
        assert!(shelf.categories().len() >= 5);
        for item in shelf.all() {
            assert!(crate::catalog::surface(&shop, item.product.id, 1).is_ok(), "{}", item.product.slug);
        }
    }

    #[test]
    fn a_newer_layout_leaves_what_the_owner_changed() {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        install_starter(&shop).unwrap();
        let mut product = shelf::shelf(&shop).unwrap().all()[0].product.clone();
        product.variants[0].price = 123;
        product.variants.pop();
        // A name of the owner's, and a text as the older petstar brought it.
        let (bundled_name, bundled_text) = (product.name.clone(), product.description.clone());
        product.name = Words::new("Night over us", "ふたりの夜空");
        product.description = Words::new("As it was.", "前の説明。");
        let changed = product.clone();
        let owner = shop.clone();
        let outdated = Starter { product_id: product.id, hash: "of an older petstar".into() };
        let write = move |tx: &crate::store::WriteTx| {
            table::put_product(tx, &changed, &shelf::memory(&owner))?;
            table::put_starter(tx, &changed.slug, &outdated)?;
            let mut older = table::surface(tx, changed.id, 1)?.unwrap();
            older.file.description = changed.description.clone();
            table::put_surface(tx, changed.id, 1, &older)?;
            Ok::<_, crate::kernel::Error>(())
        };
        shop.store().write_blocking(write).unwrap();
        assert_eq!(shelf::shelf(&shop).unwrap().product(product.id).unwrap().variants[0].price, 123, "seen at once");

        assert_eq!(install_starter(&shop).unwrap(), 0);
        let after = shelf::shelf(&shop).unwrap().product(product.id).unwrap().clone();
        assert_eq!((after.layout_version, after.variants[0].price), (2, 123));
        assert_eq!((&after.name, &after.description), (&product.name, &bundled_text));
        assert_ne!(after.name, bundled_name);
        assert_eq!(after.variants.len(), product.variants.len() + 1, "a size that came with this version is added");
        assert!(table::surface(&shop.store().read().unwrap(), product.id, 1).unwrap().is_some(), "designs keep theirs");
    }

    #[test]
    fn a_layout_of_the_owners_own_stays() {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        install_starter(&shop).unwrap();
        let mut product = shelf::shelf(&shop).unwrap().all()[0].product.clone();
        product.own_layout = true;
        let (owner, id, slug) = (shop.clone(), product.id, product.slug.clone());
        let outdated = Starter { product_id: id, hash: "of an older petstar".into() };
        let write = move |tx: &crate::store::WriteTx| {
            table::put_product(tx, &product, &shelf::memory(&owner))?;
            table::put_starter(tx, &slug, &outdated)?;
            Ok::<_, crate::kernel::Error>(())
        };
        shop.store().write_blocking(write).unwrap();
        install_starter(&shop).unwrap();
        let after = shelf::shelf(&shop).unwrap().product(id).unwrap().clone();
        assert_eq!((after.layout_version, after.version), (1, 1), "a newer petstar brings nothing");
    }

    #[test]
    fn every_size_of_every_product_is_shown_in_use() {
        for product in bundled().unwrap() {
            let Some(kind) = product.file.mockup.stage() else { continue };
            let stage = crate::render::mockup::stage(kind).unwrap();
            for variant in &product.file.variants {
                let (width_mm, height_mm) = (variant.width_mm, variant.height_mm);
                let piece = crate::render::mockup::Piece { width_mm, height_mm, variant: &variant.key };
                let set = stage.set_up(&piece, 64);
                assert!(set.is_ok(), "{} {}: {:?}", product.file.slug, variant.key, set.err());
            }
        }
    }

    #[test]
    fn stock_is_taken_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        install_starter(&shop).unwrap();
        let product = shelf::shelf(&shop).unwrap().all()[0].product.clone();
        let (id, variant) = (product.id, product.variants[0].id);
        let take = |quantity: i64| {
            let inner = shop.clone();
            shop.store().write_blocking(move |tx| table::take_stock(tx, &inner, id, variant, quantity))
        };
        take(1000).unwrap();
        let owner = shop.clone();
        let mut counted = product;
        counted.variants[0].stock = Some(3);
        shop.store().write_blocking(move |tx| table::put_product(tx, &counted, &shelf::memory(&owner))).unwrap();
        take(2).unwrap();
        let refused = take(2).unwrap_err();
        assert!(
            matches!(refused, crate::kernel::Error::Refused(refusal) if refusal.code == crate::kernel::Code::OutOfStock)
        );
        take(-2).unwrap();
        assert_eq!(shelf::shelf(&shop).unwrap().product(id).unwrap().variants[0].stock, Some(3));
    }
}
