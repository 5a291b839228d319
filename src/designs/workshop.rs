//! Where pictures are drawn: caches of what can be drawn again, photos still in memory, and the decoder of customers' files.

use super::content::Filling;
use super::desk::Desk;
use super::memory::Memory;
use super::model::{DesignId, Photo, PhotoId};
use super::scene;
use crate::catalog::layout::Mockup;
use crate::catalog::view::{mockup_name, picture_name, picture_size};
use crate::catalog::{self, Surface};
use crate::kernel::Fault;
use crate::render::mockup::{self, Piece};
use crate::render::photo::{Decoder, Limits, decode_trusted};
use crate::render::{Area, Canvas, Photos, Picture, Scene, draw, draw_jpeg, encode_jpeg, needed_pixels};
use crate::shop::Shop;
use crate::store::{BlobRef, Cache, Digest};
use hmac::{Hmac, KeyInit, Mac};
use rust_embed::RustEmbed;
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The longer side of a preview made while somebody waits, and of one made by a job.
pub const LOW_SIDE: u32 = 800;
pub const HIGH_SIDE: u32 = 1600;

const PREVIEW_CACHE_BYTES: u64 = 256 << 20;
const PICTURE_CACHE_BYTES: u64 = 64 << 20;
/// Decoded proxies kept in memory, so that a photo being dragged is decoded once.
const PROXY_MEMORY_BYTES: usize = 32 << 20;
const MOST_WAITING: usize = 100;
const MOST_WAITING_FOR_PDF: usize = 10;
const PREVIEW_QUALITY: u8 = 88;
const PICTURE_QUALITY: u8 = 80;
/// Raised when the renderer draws the same design differently.
const STYLE: u8 = 3;

#[derive(RustEmbed)]
#[folder = "assets"]
#[include = "samples/*"]
struct Samples;

pub struct Workshop {
    pub desk: Arc<Desk>,
    /// Where staff wait for a PDF: one at a time, so that customers' pictures go on being drawn beside it.
    pub press: Arc<Desk>,
    pub decoder: Decoder,
    /// What prints may take of the machine's memory.
    pub memory: Memory,
    previews: Option<Cache>,
    pictures: Option<Cache>,
    proxies: Mutex<Proxies>,
    /// Print files being rendered, so that two designs that look the same are rendered one after the other, and the second not at all.
    pub finals: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

#[derive(Default)]
struct Proxies {
    kept: Vec<(Digest, Arc<Picture>)>,
}

/// The workshop of a shop, set up on first use.
pub fn workshop(shop: &Shop) -> Arc<Workshop> {
    shop.kept(|| Workshop::new(shop))
}

impl Workshop {
    fn new(shop: &Shop) -> Workshop {
        let cache = |name: &str, max_bytes| {
            let folder = shop.data_dir().join("cache").join(name);
            Cache::open(&folder, max_bytes)
                .inspect_err(|fault| tracing::warn!(%fault, folder = %folder.display(), "pictures are not kept"))
                .ok()
        };
        let config = shop.config();
        let limits = Limits { max_bytes: config.uploads.max_bytes, max_pixels: config.uploads.max_pixels };
        Workshop {
            desk: Desk::new(config.render.threads.clamp(1, 4), MOST_WAITING),
            press: Desk::new(1, MOST_WAITING_FOR_PDF),
            decoder: Decoder::new(shop.program().to_owned(), limits),
            memory: Memory::new(config.render.memory_mb),
            previews: cache("previews", PREVIEW_CACHE_BYTES),
            pictures: cache("pictures", PICTURE_CACHE_BYTES),
            proxies: Mutex::default(),
            finals: Mutex::default(),
        }
    }

    pub fn cached_preview(&self, name: &str) -> Option<Vec<u8>> {
        self.previews.as_ref()?.get(name)
    }

    pub fn has_preview(&self, name: &str) -> bool {
        self.previews.as_ref().is_some_and(|cache| cache.has(name))
    }

    /// Keeps a preview as long as there is room. That it cannot be kept is no reason not to show it.
    pub fn keep_preview(&self, name: &str, jpeg: &[u8]) {
        keep(self.previews.as_ref(), name, jpeg);
    }

    /// Forgets a preview that was kept.
    pub fn drop_preview(&self, name: &str) {
        if let Some(cache) = &self.previews {
            cache.remove(name);
        }
    }

    /// Draws a design for the screen, without its bleed, as JPEG. Blocks for some tens of milliseconds, longer for a photo that is
    /// not in memory.
    ///
    /// # Errors
    /// A photo that is missing or cannot be read any more.
    pub fn draw_preview(&self, shop: &Shop, filling: &Filling, side: u32) -> Result<Vec<u8>, Fault> {
        let scene = filling.build()?.scene;
        let canvas = Canvas::long_side(&scene, side, Area::Trim);
        let photos = self.photos(shop, &filling.photos, &scene, &canvas, side > LOW_SIDE)?;
        draw_jpeg(&scene, &photos, &canvas, PREVIEW_QUALITY)
    }

    /// Shows a design where it will live, 800 pixels wide, as JPEG. Blocks as [`Workshop::draw_preview`] does, and longer for the first
    /// piece of a kind.
    ///
    /// # Errors
    /// A photo that is missing or cannot be read any more, and a product without a mock-up.
    pub fn draw_mockup(&self, shop: &Shop, filling: &Filling) -> Result<Vec<u8>, Fault> {
        let kind = filling.surface.file.mockup.stage().ok_or_else(|| Fault::bug("a product without a mock-up"))?;
        let (width_mm, height_mm) = (filling.size.width_mm, filling.size.height_mm);
        let piece = Piece { width_mm, height_mm, variant: &filling.variant };
        let set = mockup::stage(kind)?.set_up(&piece, LOW_SIDE)?;
        let scene = filling.build()?.scene;
        let canvas = set.canvas(&scene);
        let photos = self.photos(shop, &filling.photos, &scene, &canvas, false)?;
        encode_jpeg(&set.draw(&draw(&scene, &photos, &canvas)?, &canvas)?, PICTURE_QUALITY)
    }

    /// The photos a canvas needs: their copies, or where it is to be sharp the originals, decoded in a child process. A copy is good for a look,
    /// not for paper: it was coded a second time.
    ///
    /// # Errors
    /// A photo that is missing or cannot be read any more.
    pub fn photos(
        &self,
        shop: &Shop,
        photos: &HashMap<PhotoId, Photo>,
        scene: &Scene,
        canvas: &Canvas,
        sharp: bool,
    ) -> Result<Photos, Fault> {
        let mut pictures = Photos::new();
        for (id, needed) in needed_pixels(scene, canvas) {
            let Some(photo) = photos.get(&PhotoId(id)) else { continue };
            let picture = if sharp {
                let file = shop.blobs().path(&photo.original.sha256);
                let decoded = self.decoder.decode(&file, Some(needed));
                Arc::new(decoded.map_err(|problem| super::photos::as_fault(&problem))?.picture)
            } else {
                self.proxy(shop, photo)?
            };
            pictures.insert(id, picture);
        }
        Ok(pictures)
    }

    fn proxy(&self, shop: &Shop, photo: &Photo) -> Result<Arc<Picture>, Fault> {
        let digest = photo.proxy.sha256;
        let found = self.proxies.lock().unwrap_or_else(PoisonError::into_inner).take(&digest);
        let picture = match found {
            Some(picture) => picture,
            None => Arc::new(decode_trusted(&shop.blobs().read(&digest)?)?),
        };
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner).keep(digest, picture.clone());
        Ok(picture)
    }

    /// Keeps a proxy that was just made in memory, since its preview will be asked for next.
    pub fn keep_proxy(&self, digest: Digest, picture: Picture) {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner).keep(digest, Arc::new(picture));
    }

    /// Keeps a picture as long as there is room.
    pub fn keep_picture(&self, name: &str, jpeg: &[u8]) {
        keep(self.pictures.as_ref(), name, jpeg);
    }

    /// A picture the owner uploaded, at most `width` pixels wide. From the cache, or made smaller.
    ///
    /// # Errors
    /// A file that is missing or changed.
    pub fn own_picture(&self, shop: &Shop, file: &BlobRef, name: &str, width: u32) -> Result<Vec<u8>, Fault> {
        let picture = decode_trusted(&shop.blobs().read(&file.sha256)?)?;
        let picture = if picture.width > width {
            let height = u64::from(picture.height) * u64::from(width) / u64::from(picture.width);
            picture.resized(width, u32::try_from(height).unwrap_or(width))?
        } else {
            picture
        };
        let jpeg = encode_jpeg(&picture, PICTURE_QUALITY)?;
        self.keep_picture(name, &jpeg);
        Ok(jpeg)
    }

    /// A product's own picture, `width` pixels wide: its layout with the sample filled in. From the cache, or drawn.
    ///
    /// # Errors
    /// A sample that does not fit its layout.
    pub fn product_picture(&self, surface: &Surface, name: &str, width: u32, shown: Shown) -> Result<Vec<u8>, Fault> {
        if let Some(jpeg) = self.pictures.as_ref().and_then(|cache| cache.get(name)) {
            return Ok(jpeg);
        }
        let jpeg = draw_sample(surface, width, shown)?;
        keep(self.pictures.as_ref(), name, &jpeg);
        Ok(jpeg)
    }

    pub fn cached_picture(&self, name: &str) -> Option<Vec<u8>> {
        self.pictures.as_ref()?.get(name)
    }
}

impl Proxies {
    fn take(&mut self, digest: &Digest) -> Option<Arc<Picture>> {
        let at = self.kept.iter().position(|(other, _)| other == digest)?;
        Some(self.kept.remove(at).1)
    }

    /// The newest stands last.
    fn keep(&mut self, digest: Digest, picture: Arc<Picture>) {
        self.kept.retain(|(other, _)| *other != digest);
        self.kept.push((digest, picture));
        let bytes =
            |kept: &[(Digest, Arc<Picture>)]| kept.iter().map(|(_, picture)| picture.pixels.len()).sum::<usize>();
        while self.kept.len() > 1 && bytes(&self.kept) > PROXY_MEMORY_BYTES {
            self.kept.remove(0);
        }
    }
}

/// Draws the pictures of the products on sale that are not drawn yet, so that the first visitor does not wait. Blocks; for a thread of
/// its own after the start.
pub fn draw_ahead(shop: &Shop) {
    let workshop = workshop(shop);
    let Ok(shelf) = catalog::shelf(shop) else { return };
    for width in [800, 400] {
        for item in shelf.active() {
            let product = &item.product;
            let flat = picture_name(&product.slug, &item.surface_hash, width);
            let mockup = mockup_name(&product.slug, &item.surface_hash, item.mockup, width).ok().flatten();
            for (name, shown) in [(Some(flat), Shown::Flat), (mockup, Shown::InUse)] {
                let has = |name: &String| workshop.pictures.as_ref().is_some_and(|cache| cache.has(name));
                let Some(name) = name.filter(|name| !has(name)) else { continue };
                let drawn = catalog::surface(shop, product.id, product.layout_version)
                    .and_then(|surface| workshop.product_picture(&surface, &name, width, shown));
                if let Err(fault) = drawn {
                    tracing::warn!(%fault, product = product.slug, "the product's picture could not be drawn");
                }
            }
        }
    }
}

fn keep(cache: Option<&Cache>, name: &str, jpeg: &[u8]) {
    if let Some(Err(fault)) = cache.map(|cache| cache.put(name, jpeg)) {
        tracing::warn!(%fault, "a picture was not kept");
    }
}

/// A surface with its sample filled in, and the photos it shows.
fn sample_scene(surface: &Surface) -> Result<(Scene, Photos), Fault> {
    let layout = surface.layout();
    let (values, files) = scene::sample_values(&surface.file);
    let mut photos = Photos::new();
    for (id, file) in files {
        let bytes = Samples::get(&format!("samples/{file}"))
            .ok_or_else(|| Fault::bug(format!("assets/samples/{file} is missing")))?;
        photos.insert(id, Arc::new(decode_trusted(&bytes.data)?));
    }
    let photo_size = |id: Uuid| photos.get(&id).map(|picture| (picture.width, picture.height));
    let artwork = |name: &str| surface.artwork(name);
    let scene = scene::build_scene(layout, layout.size(), &values, &photo_size, &artwork)?.scene;
    Ok((scene, photos))
}

/// A surface with its sample for whoever works on it: flat, with its bleed, `side` pixels along the longer side, as JPEG.
///
/// # Errors
/// A sample that does not fit its layout.
pub fn draw_layout(surface: &Surface, side: u32) -> Result<Vec<u8>, Fault> {
    let (scene, photos) = sample_scene(surface)?;
    let canvas = Canvas::long_side(&scene, side, Area::Bleed);
    draw_jpeg(&scene, &photos, &canvas, PICTURE_QUALITY)
}

fn draw_sample(surface: &Surface, width: u32, shown: Shown) -> Result<Vec<u8>, Fault> {
    let layout = surface.layout();
    let (scene, photos) = sample_scene(surface)?;
    match (shown, surface.file.mockup.stage()) {
        (Shown::InUse, Some(kind)) => {
            let variant = surface.file.variants.first().map_or("", |variant| variant.key.as_str());
            let piece = Piece { width_mm: layout.width_mm, height_mm: layout.height_mm, variant };
            let set = mockup::stage(kind)?.set_up(&piece, width)?;
            let canvas = set.canvas(&scene);
            encode_jpeg(&set.draw(&draw(&scene, &photos, &canvas)?, &canvas)?, PICTURE_QUALITY)
        }
        _ => {
            let canvas = Canvas::pixels(&scene, picture_size(layout, width), Area::Trim);
            draw_jpeg(&scene, &photos, &canvas, PICTURE_QUALITY)
        }
    }
}

/// The name of a design's mock-up, where its product has one. It ends in `mockup.jpg` and says otherwise what a preview's name does.
///
/// # Errors
/// A stage that cannot be read, which is a mistake in the program.
pub fn design_mockup_name(shop: &Shop, design: DesignId, key: &str, mockup: Mockup) -> Result<Option<String>, Fault> {
    let Some(kind) = mockup.stage() else { return Ok(None) };
    let shown = format!("{key}:mockup:{:08x}", mockup::stage(kind)?.mark());
    Ok(Some(name_of(shop, design, &shown, "mockup")))
}

/// The name of a preview: whose it is, a keyed hash of all that is drawn (so it cannot be guessed, and two params that share a CRC-32
/// are two names), and its longer side.
pub fn preview_name(shop: &Shop, design: DesignId, key: &str, side: u32) -> String {
    name_of(shop, design, key, &side.to_string())
}

fn name_of(shop: &Shop, design: DesignId, key: &str, end: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(shop.cookie_key()).expect("any length is a key");
    mac.update(b"preview:");
    mac.update(&[STYLE]);
    mac.update(design.0.as_bytes());
    mac.update(key.as_bytes());
    format!("{}-{}-{end}.jpg", design.0.simple(), hex::encode(&mac.finalize().into_bytes()[..16]))
}

/// What a preview shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The print itself.
    Flat,
    /// The piece where it will live: a mock-up.
    InUse,
}

/// The design in a preview's name, its longer side, and what it shows.
pub fn read_preview_name(name: &str) -> Option<(DesignId, u32, Shown)> {
    let mut parts = name.strip_suffix(".jpg")?.split('-');
    let (id, mac, side) = (parts.next()?, parts.next()?, parts.next()?);
    let (side, shown) = match side {
        "mockup" => (LOW_SIDE, Shown::InUse),
        side => (side.parse().ok().filter(|side| [LOW_SIDE, HIGH_SIDE].contains(side))?, Shown::Flat),
    };
    let is_whole = parts.next().is_none() && mac.len() == 32;
    is_whole.then_some((DesignId(Uuid::try_parse(id).ok()?), side, shown))
}

pub fn preview_url(name: &str) -> String {
    format!("/previews/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_previews_are_read_back() {
        let id = Uuid::from_u128(7);
        let name = format!("{}-{}-800.jpg", id.simple(), "0".repeat(32));
        assert_eq!(read_preview_name(&name), Some((DesignId(id), 800, Shown::Flat)));
        let mockup = name.replace("800", "mockup");
        assert_eq!(read_preview_name(&mockup), Some((DesignId(id), 800, Shown::InUse)));
        for bad in ["", "x.jpg", "00-00-800.jpg", &name.replace("800", "801"), &name.replace(".jpg", ".png")] {
            assert_eq!(read_preview_name(bad), None, "{bad}");
        }
    }
}
