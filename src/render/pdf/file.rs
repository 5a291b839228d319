//! The file itself: objects written one by one as they come, so that only their places are kept in memory.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::BlendMode;
use pdf_writer::writers::ColorSpace;
use pdf_writer::{Chunk, Filter, Finish, Name, Ref, Settings, Str};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What sets two graphics states apart: the alphas of fills and strokes as 16-bit fixed point, and the blend mode.
type StateKey = (u16, u16, u8);

pub struct File<'o> {
    out: &'o mut dyn Write,
    /// Bytes written.
    at: u64,
    /// By object number − 1.
    offsets: Vec<u64>,
    /// Over everything written; becomes the file's identifier.
    hash: Sha256,
    /// sRGB, as an ICC profile.
    pub profile: Ref,
    /// The one dictionary of resources all content shares; each resource is named after its object.
    pub resources: Ref,
    states: BTreeMap<StateKey, Ref>,
    masks: Vec<Ref>,
    patterns: Vec<Ref>,
    pictures: Vec<Ref>,
}

impl<'o> File<'o> {
    pub fn new(out: &'o mut dyn Write, profile: &[u8]) -> io::Result<File<'o>> {
        let none = Ref::new(1);
        let mut file = File {
            out,
            at: 0,
            offsets: Vec::new(),
            hash: Sha256::new(),
            profile: none,
            resources: none,
            states: BTreeMap::new(),
            masks: Vec::new(),
            patterns: Vec::new(),
            pictures: Vec::new(),
        };
        // Four bytes above 127 tell transfer programs that this is no text.
        file.write(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n")?;
        file.resources = file.reserve();
        let packed = deflated(profile)?;
        file.profile = file.object(|chunk, id| {
            let mut icc = chunk.icc_profile(id, &packed);
            icc.n(3).alternate().device_rgb();
            icc.filter(Filter::FlateDecode);
        })?;
        Ok(file)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }

    /// A number for an object that is written later.
    pub fn reserve(&mut self) -> Ref {
        self.offsets.push(0);
        Ref::new(i32::try_from(self.offsets.len()).unwrap_or(i32::MAX))
    }

    fn begin(&mut self, id: Ref) {
        if let Some(offset) = self.offsets.get_mut(id.get() as usize - 1) {
            *offset = self.at;
        }
    }

    /// Writes one object.
    pub fn object(&mut self, write: impl FnOnce(&mut Chunk, Ref)) -> io::Result<Ref> {
        let id = self.reserve();
        self.object_as(id, write)?;
        Ok(id)
    }

    /// Writes one object under a reserved number.
    pub fn object_as(&mut self, id: Ref, write: impl FnOnce(&mut Chunk, Ref)) -> io::Result<()> {
        let mut chunk = Chunk::with_settings(Settings { pretty: false });
        write(&mut chunk, id);
        self.begin(id);
        self.write(chunk.as_bytes())
    }

    /// Writes a stream whose length is known only when it is written. `entries` are those of its dictionary but the length.
    pub fn stream<T, E: From<io::Error>>(
        &mut self,
        entries: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
    ) -> Result<Ref, E> {
        let (id, length) = (self.reserve(), self.reserve());
        self.begin(id);
        self.write(format!("{} 0 obj\n<<{entries}/Length {} 0 R>>\nstream\n", id.get(), length.get()).as_bytes())?;
        let from = self.at;
        write(&mut Counted(self))?;
        let bytes = self.at - from;
        self.write(b"\nendstream\nendobj\n")?;
        self.begin(length);
        self.write(format!("{} 0 obj\n{bytes}\nendobj\n", length.get()).as_bytes())?;
        Ok(id)
    }

    /// A graphics state of these alphas and this blend mode.
    pub fn state(&mut self, fill: f32, stroke: f32, blend: BlendMode) -> io::Result<Ref> {
        let fixed = |alpha: f32| (alpha.clamp(0.0, 1.0) * 65535.0).round() as u16;
        let key = (fixed(fill), fixed(stroke), blend as u8);
        if let Some(id) = self.states.get(&key) {
            return Ok(*id);
        }
        let id = self.object(|chunk, id| {
            let mut state = chunk.ext_graphics(id);
            state.non_stroking_alpha(fill.clamp(0.0, 1.0)).stroking_alpha(stroke.clamp(0.0, 1.0)).blend_mode(blend);
        })?;
        self.states.insert(key, id);
        Ok(id)
    }

    /// A graphics state in which only what `form` covers is painted.
    pub fn mask_state(&mut self, form: Ref, kind: pdf_writer::types::MaskType) -> io::Result<Ref> {
        let id = self.object(|chunk, id| {
            chunk.ext_graphics(id).soft_mask().subtype(kind).group(form);
        })?;
        self.masks.push(id);
        Ok(id)
    }

    pub fn add_pattern(&mut self, id: Ref) {
        self.patterns.push(id);
    }

    pub fn add_picture(&mut self, id: Ref) {
        self.pictures.push(id);
    }

    /// Writes the resources, the table of objects and the end. `catalog` is the root object.
    pub fn finish(mut self, catalog: Ref, info: Ref) -> io::Result<()> {
        let (states, patterns, pictures) = (
            self.states.values().chain(&self.masks).copied().collect::<Vec<_>>(),
            std::mem::take(&mut self.patterns),
            std::mem::take(&mut self.pictures),
        );
        let profile = self.profile;
        self.object_as(self.resources, |chunk, id| {
            let mut resources = chunk.indirect(id).start::<pdf_writer::writers::Resources>();
            // Whatever is said in RGB is sRGB.
            resources.color_spaces().insert(Name(b"DefaultRGB")).start::<ColorSpace>().icc_based(profile);
            let mut entries = |key: &[u8], ids: &[Ref]| {
                let mut dict = resources.insert(Name(key)).dict();
                for id in ids {
                    dict.pair(Name(name(*id).as_bytes()), *id);
                }
            };
            entries(b"ExtGState", &states);
            entries(b"Pattern", &patterns);
            entries(b"XObject", &pictures);
        })?;
        let table_at = self.at;
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", self.offsets.len() + 1);
        for offset in &self.offsets {
            table.push_str(&format!("{offset:010} 00000 n \n"));
        }
        self.write(table.as_bytes())?;
        let digest = self.hash.clone().finalize();
        let mut trailer = pdf_writer::Chunk::with_settings(Settings { pretty: false });
        let mut array = trailer.indirect(Ref::new(1)).array();
        array.item(Str(&digest[..16])).item(Str(&digest[..16]));
        array.finish();
        // Only the array's own bytes: the number and the words of an object around it are cut off.
        let bytes = trailer.as_bytes();
        let from = bytes.iter().position(|byte| *byte == b'[').unwrap_or(0);
        let to = bytes.iter().rposition(|byte| *byte == b']').map_or(bytes.len(), |at| at + 1);
        let mut end = format!(
            "trailer\n<</Size {}/Root {} 0 R/Info {} 0 R/ID",
            self.offsets.len() + 1,
            catalog.get(),
            info.get()
        )
        .into_bytes();
        end.extend_from_slice(&bytes[from..to]);
        end.extend_from_slice(format!(">>\nstartxref\n{table_at}\n%%EOF\n").as_bytes());
        self.write(&end)?;
        self.out.flush()
    }
}

/// How a resource is called in content.
pub fn name(id: Ref) -> String {
    format!("R{}", id.get())
}

pub fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

struct Counted<'f, 'o>(&'f mut File<'o>);

impl Write for Counted<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
