//! Finding products by what people type. The index is derived: without it, plain words are looked for in names.

use super::model::ProductId;
use super::shelf::{self, Item, Shelf};
use super::table;
use super::view::category_name;
use crate::kernel::{Fault, Lang};
use crate::search::{Document, Search, words};
use crate::shop::Shop;
use std::sync::Arc;

const KIND: &str = "product";
/// More words than these nobody types to find a poster.
const MAX_QUERY_CHARS: usize = 200;

/// The index beside the shop, opened on first use.
pub(crate) fn index(shop: &Shop) -> Arc<Search> {
    shop.kept(|| Search::open(&shop.data_dir().join("index")))
}

/// Makes the product index anew if it does not show the catalogue as it is.
///
/// # Errors
/// A database that cannot be read, or an index that cannot be written.
pub fn refresh_index(shop: &Shop) -> Result<(), Fault> {
    let shelf = shelf::shelf(shop)?;
    let index = index(shop);
    if index.mark(KIND).as_deref() == Some(&shelf.mark) {
        return Ok(());
    }
    index.replace(KIND, &documents(shop, &shelf)?, &shelf.mark)
}

/// Makes the product index anew. Returns how many products it holds.
///
/// # Errors
/// As [`refresh_index`].
pub fn reindex(shop: &Shop) -> Result<usize, Fault> {
    let shelf = shelf::shelf(shop)?;
    let documents = documents(shop, &shelf)?;
    index(shop).replace(KIND, &documents, &shelf.mark)?;
    Ok(documents.len())
}

fn documents(shop: &Shop, shelf: &Shelf) -> Result<Vec<Document>, Fault> {
    let tx = shop.store().read()?;
    let mut documents = Vec::new();
    for item in shelf.active() {
        let Some(product) = table::product(&tx, item.product.id)? else { continue };
        let categories = Lang::ALL.map(|lang| category_name(&product.category, lang)).join(" ");
        let variants: Vec<_> = product.variants.iter().flat_map(|v| [v.name.en.as_str(), v.name.ja.as_str()]).collect();
        documents.push(Document {
            id: product.id.0,
            title: format!("{} {} {categories}", product.name.en, product.name.ja),
            text: format!("{} {} {}", product.description.en, product.description.ja, variants.join(" ")),
            ..Document::default()
        });
    }
    Ok(documents)
}

/// The products on sale that match, the best first; in a category if one is given. An empty query is all of them.
///
/// # Errors
/// A database that cannot be read.
pub fn find(shop: &Shop, shelf: &Shelf, query: &str, category: Option<&str>) -> Vec<Arc<Item>> {
    let query: String = query.trim().chars().take(MAX_QUERY_CHARS).collect();
    let fits = |item: &&Arc<Item>| category.is_none_or(|category| item.product.category == category);
    if query.is_empty() {
        return shelf.active().filter(fits).cloned().collect();
    }
    let found = index(shop).find(KIND, &query, shelf.all().len().max(1)).unwrap_or_else(|fault| {
        tracing::warn!(%fault, "searching without the index");
        Vec::new()
    });
    if !found.is_empty() {
        let items = found.into_iter().filter_map(|id| shelf.item(ProductId(id)));
        return items.filter(|item| item.product.is_active()).filter(fits).cloned().collect();
    }
    let query = words::fold(&query);
    let named = |item: &&Arc<Item>| {
        let name = &item.product.name;
        words::fold(&name.en).contains(&query) || words::fold(&name.ja).contains(&query)
    };
    shelf.active().filter(fits).filter(named).cloned().collect()
}
