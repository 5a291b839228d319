//! Full-text search that forgives typing errors, in Latin and Japanese script. Derived from the database: it can be lost and rebuilt.
//!
//! May touch: the kernel and its own folder. It knows no noun: a caller gives its documents a kind (`product`) and gets ids back.
//! Begin with [`Search`]; [`words`] says how text is cut.

pub mod words;

use crate::kernel::Fault;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyDocument, Term};
use uuid::Uuid;
use words::{Piece, WordTokenizer};

/// Raised when the fields or the way text is cut change: an index of another version is thrown away.
const SCHEMA: u32 = 1;
const TOKENIZER: &str = "petstar";
/// The least that tantivy takes for a writer; it lives only while something is written.
const WRITER_BYTES: usize = 15_000_000;
const MAX_QUERY_PIECES: usize = 12;

/// One thing that can be found.
#[derive(Clone, Debug)]
pub struct Document {
    pub id: Uuid,
    /// Counts for more than the text.
    pub title: String,
    pub text: String,
}

/// The index. A folder that is missing or damaged is as good as an empty one.
pub struct Search {
    folder: PathBuf,
    open: RwLock<Option<Open>>,
    writing: Mutex<()>,
}

struct Open {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

#[derive(Clone, Copy)]
struct Fields {
    kind: Field,
    id: Field,
    title: Field,
    text: Field,
}

fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let words = TextOptions::default().set_indexing_options(indexing);
    let mut schema = Schema::builder();
    let fields = Fields {
        kind: schema.add_text_field("kind", STRING),
        id: schema.add_text_field("id", STRING | STORED),
        title: schema.add_text_field("title", words.clone()),
        text: schema.add_text_field("text", words),
    };
    (schema.build(), fields)
}

impl Search {
    /// Opens the index in `folder`, or begins an empty one there.
    pub fn open(folder: &Path) -> Search {
        let open = match open_index(folder) {
            Ok(open) => Some(open),
            Err(error) => {
                tracing::info!(%error, "the search index is begun anew");
                // What cannot be read is of no use to anybody: the database has it all.
                let _ = std::fs::remove_dir_all(folder);
                open_index(folder).inspect_err(|error| tracing::warn!(%error, "searching is not possible")).ok()
            }
        };
        Search { folder: folder.to_owned(), open: RwLock::new(open), writing: Mutex::new(()) }
    }

    /// What the documents of `kind` were made from, as told to [`Search::replace`].
    pub fn mark(&self, kind: &str) -> Option<String> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        marks(&open.as_ref()?.index).remove(kind)
    }

    /// Puts `documents` in the place of all of this kind. `mark` names the state they were made from.
    ///
    /// # Errors
    /// A folder that cannot be written. The caller goes on without: search is a comfort.
    pub fn replace(&self, kind: &str, documents: &[Document], mark: &str) -> Result<(), Fault> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.try_replace(kind, documents, mark);
        if first.is_ok() {
            return Ok(());
        }
        // An index damaged under our feet is begun anew, once; the other kinds are then missing their marks and are made again.
        let _ = std::fs::remove_dir_all(&self.folder);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open_index(&self.folder).map_err(fault)?);
        self.try_replace(kind, documents, mark).map_err(fault)
    }

    fn try_replace(&self, kind: &str, documents: &[Document], mark: &str) -> tantivy::Result<()> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_ref() else {
            return Err(tantivy::TantivyError::SystemError("there is no index".into()));
        };
        let Fields { kind: kind_field, id, title, text } = open.fields;
        let mut marks = marks(&open.index);
        marks.insert(kind.to_owned(), mark.to_owned());
        let mut writer = open.index.writer_with_num_threads::<TantivyDocument>(1, WRITER_BYTES)?;
        writer.delete_term(Term::from_field_text(kind_field, kind));
        for document in documents {
            let mut row = TantivyDocument::default();
            row.add_text(kind_field, kind);
            row.add_text(id, document.id.to_string());
            row.add_text(title, &document.title);
            row.add_text(text, &document.text);
            writer.add_document(row)?;
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&payload(&marks));
        commit.commit()?;
        writer.wait_merging_threads()?;
        open.reader.reload()
    }

    /// The ids of the best matches, the best first. Every word of `query` must be found, the last one as a beginning; where nothing
    /// has them all, some are enough.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn find(&self, kind: &str, query: &str, limit: usize) -> Result<Vec<Uuid>, Fault> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_ref() else { return Ok(Vec::new()) };
        let mut pieces = words::pieces(query);
        pieces.truncate(MAX_QUERY_PIECES);
        if pieces.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        for occur in [Occur::Must, Occur::Should] {
            let wanted: Vec<_> =
                pieces.iter().map(|piece| (occur, piece_query(piece, &open.fields, occur == Occur::Should))).collect();
            let of_kind = TermQuery::new(Term::from_field_text(open.fields.kind, kind), IndexRecordOption::Basic);
            let of_kind: Box<dyn Query> = Box::new(BoostQuery::new(Box::new(of_kind), 0.0));
            let query = BooleanQuery::new(vec![
                (Occur::Must, of_kind),
                (Occur::Must, Box::new(BooleanQuery::new(wanted)) as Box<dyn Query>),
            ]);
            let searcher = open.reader.searcher();
            let best = searcher.search(&query, &TopDocs::with_limit(limit).order_by_score()).map_err(fault)?;
            let mut ids = Vec::with_capacity(best.len());
            for (_, address) in best {
                let row: TantivyDocument = searcher.doc(address).map_err(fault)?;
                let id = row.get_first(open.fields.id).and_then(|value| value.as_str()).map(Uuid::try_parse);
                ids.extend(id.and_then(Result::ok));
            }
            if !ids.is_empty() {
                return Ok(ids);
            }
        }
        Ok(Vec::new())
    }
}

/// A document matches when title or text has the piece; exactly is better than nearly.
fn piece_query(piece: &Piece, fields: &Fields, loosely: bool) -> Box<dyn Query> {
    let mut ways: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    for (field, weight) in [(fields.title, 3.0), (fields.text, 1.0)] {
        let term = |text: &str| Term::from_field_text(field, text);
        let mut way =
            |query: Box<dyn Query>, weight: f32| ways.push((Occur::Should, Box::new(BoostQuery::new(query, weight))));
        match piece {
            Piece::Word(word) => {
                way(Box::new(TermQuery::new(term(word), IndexRecordOption::WithFreqs)), weight * 2.0);
                // A word still being typed is a beginning. Short words are too alike to be forgiven an error.
                let errors = match word.chars().count() {
                    0..=3 => 0,
                    4..=7 => 1,
                    _ => 2,
                };
                way(Box::new(FuzzyTermQuery::new_prefix(term(word), 0, true)), weight);
                if errors > 0 {
                    way(Box::new(FuzzyTermQuery::new_prefix(term(word), errors, true)), weight * 0.4);
                }
            }
            Piece::Run(run) => {
                let pairs = words::pairs(run);
                match pairs.as_slice() {
                    [] => way(Box::new(TermQuery::new(term(run), IndexRecordOption::WithFreqs)), weight),
                    [pair] => way(Box::new(TermQuery::new(term(pair), IndexRecordOption::WithFreqs)), weight * 2.0),
                    pairs => {
                        let terms = pairs.iter().map(|pair| term(pair)).collect();
                        way(Box::new(PhraseQuery::new(terms)), weight * 2.0);
                        if loosely {
                            for pair in pairs {
                                way(Box::new(TermQuery::new(term(pair), IndexRecordOption::WithFreqs)), weight * 0.3);
                            }
                        }
                    }
                }
            }
        }
    }
    Box::new(BooleanQuery::new(ways))
}

fn open_index(folder: &Path) -> tantivy::Result<Open> {
    std::fs::create_dir_all(folder)?;
    let (schema, fields) = schema();
    let directory = tantivy::directory::MmapDirectory::open(folder)?;
    let index = Index::open_or_create(directory, schema)?;
    index.tokenizers().register(TOKENIZER, TextAnalyzer::builder(WordTokenizer).build());
    let payload = index.load_metas()?.payload;
    if payload.is_some_and(|payload| !payload.starts_with(&format!("{SCHEMA};"))) {
        return Err(tantivy::TantivyError::SchemaError("the index was made by another version".into()));
    }
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok(Open { index, reader, fields })
}

/// `1;{"product":"<mark>"}`
fn payload(marks: &BTreeMap<String, String>) -> String {
    format!("{SCHEMA};{}", serde_json::to_string(marks).unwrap_or_default())
}

fn marks(index: &Index) -> BTreeMap<String, String> {
    let payload = index.load_metas().ok().and_then(|metas| metas.payload).unwrap_or_default();
    payload.split_once(';').and_then(|(_, json)| serde_json::from_str(json).ok()).unwrap_or_default()
}

fn fault(error: tantivy::TantivyError) -> Fault {
    match error {
        tantivy::TantivyError::IoError(error) if error.kind() == std::io::ErrorKind::StorageFull => Fault::DiskFull,
        error => Fault::Io(format!("search index: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Vec<Document> {
        let document = |id: u128, title: &str, text: &str| Document {
            id: Uuid::from_u128(id),
            title: title.into(),
            text: text.into(),
        };
        vec![
            document(1, "Written in the stars 星に描く", "A poster for the wall. ポスター"),
            document(2, "Morning mug モーニングマグ", "A mug with your cat 猫のマグカップ"),
            document(3, "Round tag まるいタグ", "A tag for the collar 首輪につけるタグ"),
        ]
    }

    fn found(search: &Search, query: &str) -> Vec<u128> {
        search.find("product", query, 10).unwrap().into_iter().map(|id| id.as_u128()).collect()
    }

    #[test]
    fn finds_by_beginnings_errors_and_single_characters() {
        let folder = tempfile::tempdir().unwrap();
        let search = Search::open(folder.path());
        search.replace("product", &documents(), "a").unwrap();
        assert_eq!(found(&search, "post"), [1]);
        assert_eq!(found(&search, "psoter"), [1], "two letters swapped");
        assert_eq!(found(&search, "MÜG"), [2], "case and accents do not matter");
        assert_eq!(found(&search, "猫"), [2]);
        assert_eq!(found(&search, "ぽすたー"), [1], "hiragana finds katakana");
        assert_eq!(found(&search, "ﾀｸﾞ"), [3], "half-width kana too");
        assert_eq!(found(&search, "cat mug"), [2]);
        assert_eq!(found(&search, "dinosaur"), Vec::<u128>::new());
        assert_eq!(found(&search, " )(\"* "), Vec::<u128>::new());
        assert_eq!(search.find("order", "poster", 10).unwrap(), Vec::<Uuid>::new());
    }

    #[test]
    fn survives_opening_again_and_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let search = Search::open(&path);
        assert_eq!(search.mark("product"), None);
        search.replace("product", &documents(), "a").unwrap();
        search.replace("product", &documents()[..1], "b").unwrap();
        drop(search);
        let search = Search::open(&path);
        assert_eq!(search.mark("product").as_deref(), Some("b"));
        assert_eq!(found(&search, "mug"), Vec::<u128>::new());
        drop(search);
        std::fs::write(path.join("meta.json"), "not an index").unwrap();
        let search = Search::open(&path);
        assert_eq!(search.mark("product"), None);
        search.replace("product", &documents(), "c").unwrap();
        assert_eq!(found(&search, "mug"), [2]);
    }
}
