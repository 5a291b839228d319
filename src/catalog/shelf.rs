//! The catalogue in memory: read once, answered from until a commit changes it.

use super::layout::{Layout, Mockup, ProductFile};
use super::model::{Product, ProductId, SurfaceRow, VariantId};
use super::table;
use super::view::{Card, PictureView, ProductView};
use crate::kernel::{Currency, Fault, Lang};
use crate::render::Artwork;
use crate::shop::Shop;
use crate::store::Snapshot;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Every product with the layout new designs begin with.
pub struct Shelf {
    items: Vec<Arc<Item>>,
    by_id: HashMap<ProductId, usize>,
    by_slug: HashMap<String, usize>,
    by_former_slug: HashMap<String, usize>,
    pub currency: Currency,
    /// Changes when anything that can be searched changes.
    pub mark: String,
}

/// A product ready to be shown.
pub struct Item {
    pub product: Product,
    pub layout: Arc<Layout>,
    /// Names the product's pictures.
    pub surface_hash: String,
    pub mockup: Mockup,
    /// The product's pictures, the one that says most first: flat, and in use where there is a mock-up.
    pub pictures: Vec<PictureView>,
    views: [ProductView; 2],
    cards: [Card; 2],
}

fn at(lang: Lang) -> usize {
    match lang {
        Lang::En => 0,
        Lang::Ja => 1,
    }
}

impl Item {
    /// # Errors
    /// A stage that cannot be read, which is a mistake in the program.
    pub fn new(
        product: Product,
        layout: Arc<Layout>,
        hash: String,
        mockup: Mockup,
        currency: Currency,
    ) -> Result<Item, Fault> {
        let views = Lang::ALL.map(|lang| ProductView::new(&product, &layout, &hash, currency, lang));
        let mut pictures: Vec<PictureView> =
            product.pictures.iter().map(|picture| PictureView::of_owner(&product.slug, picture)).collect();
        if pictures.is_empty() {
            pictures.push(PictureView::of_product(&product.slug, &layout, &hash));
            pictures.extend(PictureView::of_mockup(&product.slug, &hash, mockup)?);
            if mockup.leads() {
                pictures.reverse();
            }
        }
        let cards = Lang::ALL.map(|lang| Card::new(&product, pictures[0].clone(), currency, lang));
        Ok(Item { product, layout, surface_hash: hash, mockup, pictures, views, cards })
    }

    pub fn view(&self, lang: Lang) -> &ProductView {
        &self.views[at(lang)]
    }

    pub fn card(&self, lang: Lang) -> &Card {
        &self.cards[at(lang)]
    }
}

impl Shelf {
    fn load(shop: &Shop, memory: &Memory, currency: Currency) -> Result<Shelf, Fault> {
        let tx = shop.store().read()?;
        let mut items = Vec::new();
        let mut mark = Sha256::new();
        for product in table::products(&tx)? {
            let Known { layout, hash, mockup } = memory.layout(&tx, &product)?;
            mark.update(product.id.0.as_bytes());
            mark.update(product.version.to_be_bytes());
            items.push(Arc::new(Item::new(product, layout, hash, mockup, currency)?));
        }
        let by_id = items.iter().enumerate().map(|(at, item)| (item.product.id, at)).collect();
        let by_slug = items.iter().enumerate().map(|(at, item)| (item.product.slug.clone(), at)).collect();
        let former = items.iter().enumerate();
        let former = former.flat_map(|(at, item)| item.product.former_slugs.iter().map(move |slug| (slug.clone(), at)));
        let by_former_slug = former.collect();
        Ok(Shelf { items, by_id, by_slug, by_former_slug, currency, mark: hex::encode(mark.finalize()) })
    }

    pub fn item(&self, id: ProductId) -> Option<&Arc<Item>> {
        self.by_id.get(&id).map(|at| &self.items[*at])
    }

    pub fn product(&self, id: ProductId) -> Option<&Product> {
        self.item(id).map(|item| &item.product)
    }

    pub fn by_slug(&self, slug: &str) -> Option<&Arc<Item>> {
        self.by_slug.get(slug).map(|at| &self.items[*at])
    }

    /// The product that had the slug before it was given another.
    pub fn by_former_slug(&self, slug: &str) -> Option<&Arc<Item>> {
        self.by_former_slug.get(slug).map(|at| &self.items[*at])
    }

    /// The products on sale, in the order of the shop.
    pub fn active(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.items.iter().filter(|item| item.product.is_active())
    }

    /// All of them, archived ones too.
    pub fn all(&self) -> &[Arc<Item>] {
        &self.items
    }

    /// The categories of the products on sale, each once, in the order of the shop.
    pub fn categories(&self) -> Vec<&str> {
        let mut categories: Vec<&str> = Vec::new();
        for item in self.active() {
            if !categories.contains(&item.product.category.as_str()) {
                categories.push(&item.product.category);
            }
        }
        categories
    }

    /// The product that has the variant.
    pub fn of_variant(&self, id: VariantId) -> Option<&Product> {
        self.items.iter().map(|item| &item.product).find(|product| product.variant(id).is_some())
    }
}

/// A design surface with its artwork parsed, ready to be drawn on.
pub struct Surface {
    pub product_id: ProductId,
    pub version: u32,
    pub file: ProductFile,
    pub hash: String,
    artwork: HashMap<String, Arc<Artwork>>,
}

impl Surface {
    /// Parses the artwork; `version` is 0 for a draft.
    ///
    /// # Errors
    /// Artwork that cannot be read.
    pub fn new(product_id: ProductId, version: u32, row: SurfaceRow) -> Result<Surface, Fault> {
        let mut artwork = HashMap::new();
        for (name, svg) in &row.artwork {
            let parsed = Artwork::new(svg.as_bytes())
                .map_err(|problem| Fault::Corrupt(format!("artwork {name} of product {product_id}: {problem}")))?;
            artwork.insert(name.clone(), Arc::new(parsed));
        }
        Ok(Surface { product_id, version, file: row.file, hash: row.hash, artwork })
    }

    pub fn layout(&self) -> &Layout {
        &self.file.layout
    }

    pub fn artwork(&self, name: &str) -> Option<Arc<Artwork>> {
        self.artwork.get(name).cloned()
    }
}

/// What this room keeps in memory.
#[derive(Default)]
pub struct Memory {
    shelf: RwLock<Option<Arc<Shelf>>>,
    surfaces: RwLock<HashMap<(ProductId, u32), Arc<Surface>>>,
    /// Layouts without their artwork, and the hashes of both.
    layouts: RwLock<HashMap<(ProductId, u32), Known>>,
    /// Counts the commits that changed the catalogue.
    changes: AtomicU64,
}

/// What is known of a layout version.
#[derive(Clone)]
struct Known {
    layout: Arc<Layout>,
    hash: String,
    mockup: Mockup,
}

impl Memory {
    /// The layout new designs of the product begin with. A version never changes, so it is read once: stock changes often.
    fn layout(&self, tx: &impl Snapshot, product: &Product) -> Result<Known, Fault> {
        let key = (product.id, product.layout_version);
        if let Some(known) = self.layouts.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let surface = table::surface(tx, product.id, product.layout_version)?.ok_or_else(|| {
            Fault::Corrupt(format!("product {} has no layout of version {}", product.slug, product.layout_version))
        })?;
        let mockup = surface.file.mockup;
        let known = Known { layout: Arc::new(surface.file.layout), hash: surface.hash, mockup };
        self.layouts.write().unwrap_or_else(PoisonError::into_inner).insert(key, known.clone());
        Ok(known)
    }

    /// Called after a commit that changed the catalogue.
    pub(super) fn forget(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        *self.shelf.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

pub(super) fn memory(shop: &Shop) -> Arc<Memory> {
    shop.kept(Memory::default)
}

/// A number that is another whenever pages of the catalogue could look different: after a change of products or settings.
pub fn edition(shop: &Shop) -> u64 {
    let settings = shop.settings();
    // Pages name the day by which something leaves, so each day has its own.
    let day = settings.day_of(shop.now()).day_of_year().unsigned_abs();
    memory(shop).changes.load(Ordering::SeqCst).wrapping_shl(32) ^ (u64::from(day) << 23) ^ settings.version
}

/// The whole catalogue as of the last commit.
///
/// # Errors
/// A database that cannot be read.
pub fn shelf(shop: &Shop) -> Result<Arc<Shelf>, Fault> {
    let memory = memory(shop);
    let currency = shop.settings().currency;
    let kept = memory.shelf.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(shelf) = kept.filter(|shelf| shelf.currency == currency) {
        return Ok(shelf);
    }
    let before = memory.changes.load(Ordering::SeqCst);
    let shelf = Arc::new(Shelf::load(shop, &memory, currency)?);
    let mut slot = memory.shelf.write().unwrap_or_else(PoisonError::into_inner);
    // What was read before a commit that came meanwhile must not stay.
    if memory.changes.load(Ordering::SeqCst) == before {
        *slot = Some(shelf.clone());
    }
    Ok(shelf)
}

/// The design surface of a product in one version. Versions never change, so they are kept.
///
/// # Errors
/// A version that is not stored, or a database that cannot be read.
pub fn surface(shop: &Shop, id: ProductId, version: u32) -> Result<Arc<Surface>, Fault> {
    let memory = memory(shop);
    if let Some(surface) = memory.surfaces.read().unwrap_or_else(PoisonError::into_inner).get(&(id, version)) {
        return Ok(surface.clone());
    }
    let row = table::surface(&shop.store().read()?, id, version)?
        .ok_or_else(|| Fault::Corrupt(format!("product {id} has no layout of version {version}")))?;
    let surface = Arc::new(Surface::new(id, version, row)?);
    let mut surfaces = memory.surfaces.write().unwrap_or_else(PoisonError::into_inner);
    Ok(surfaces.entry((id, version)).or_insert(surface).clone())
}
