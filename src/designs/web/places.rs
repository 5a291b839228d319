//! Looking towns up by name, for fields that take a place.

use crate::designs::places::{Town, find};
use crate::kernel::Lang;
use crate::shop::Shop;
use crate::web::{Page, Paging, Problem, Reply, View, Visit};
use askama::Template;
use axum::extract::Query;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub fn routes() -> OpenApiRouter<Shop> {
    OpenApiRouter::new().routes(routes!(list_places))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PlaceQuery {
    /// How the name begins, in English or Japanese.
    #[serde(default)]
    q: String,
}

/// A town, with the values a place field takes.
#[derive(Serialize, ToSchema)]
struct PlaceView {
    /// In the visitor's language.
    name: &'static str,
    /// In the visitor's language; tells two towns of one name apart.
    country: &'static str,
    /// Degrees north.
    lat: f64,
    /// Degrees east.
    lon: f64,
}

impl PlaceView {
    fn new(town: &Town, lang: Lang) -> Self {
        Self { name: town.name(lang), country: town.country_name(lang), lat: town.lat, lon: town.lon }
    }
}

#[derive(Template, Serialize, ToSchema)]
#[template(path = "designs/places.html", blocks = ["content"])]
#[schema(as = Places)]
struct PlacesPage {
    #[serde(skip)]
    #[schema(ignore)]
    page: Page,
    #[serde(skip)]
    #[schema(ignore)]
    q: String,
    items: Vec<PlaceView>,
    /// Always `null`: who has not found the town types more of its name.
    next: Option<String>,
}

impl View for PlacesPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_content().render()
    }
}

/// Towns by name, the best fitting first
#[utoipa::path(get, path = "/places", tag = "shop", params(PlaceQuery, Paging),
    responses((status = 200, body = PlacesPage), (status = 422)))]
async fn list_places(
    visit: Visit,
    Query(query): Query<PlaceQuery>,
    Query(paging): Query<Paging>,
) -> Result<Reply, Problem> {
    let limit = paging.limit()?;
    paging.after(|_: Uuid| Ok(None::<()>))?;
    let items = find(&query.q, limit).into_iter().map(|town| PlaceView::new(town, visit.lang)).collect();
    visit.reply(&PlacesPage { page: visit.page(), q: query.q, items, next: None })
}
