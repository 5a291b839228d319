//! Lists: `?limit=` (1–100) and `?after=`, answered as `{"items": […], "next": … | null}`.

use crate::kernel::{Message, Refusal, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a list is asked for. `after` is the `next` of the page before.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// How many items, 1 to 100.
    #[serde(default, deserialize_with = "super::input::optional_number")]
    #[param(value_type = Option<u32>)]
    pub limit: Option<i64>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

impl Paging {
    /// # Errors
    /// 422 when out of 1–100.
    pub fn limit(&self) -> Result<usize, Refusal> {
        match self.limit {
            None => Ok(50),
            Some(limit @ 1..=100) => Ok(limit as usize),
            Some(_) => Err(Refusal::field("limit", Message::new("problem.limit_range"))),
        }
    }

    /// Where the list goes on: what `find` knows of the item that `after` names. `find` must not find what the caller cannot see.
    ///
    /// # Errors
    /// 422 when `after` is no id, or of nothing in the list: to begin again from the top would show the same items twice.
    pub fn after<T: From<Uuid>, P>(&self, find: impl FnOnce(T) -> Result<Option<P>>) -> Result<Option<P>> {
        let Some(text) = self.after.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
        let place = match Uuid::try_parse(text) {
            Ok(id) => find(id.into())?,
            Err(_) => None,
        };
        let unknown = || Refusal::field("after", Message::new("problem.after_unknown"));
        Ok(Some(place.ok_or_else(unknown)?))
    }
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Give this as `after` to go on; `null` at the end.
    pub next: Option<String>,
}

impl<T> List<T> {
    /// Makes a page of `limit` items from up to `limit + 1` found ones; `key` names an item.
    pub fn of(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> List<T> {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        List { items, next }
    }
}
