//! Full-text search that forgives typing errors, in Latin and Japanese script. Derived from the database: it can be lost and rebuilt.
//!
//! May touch: the kernel and its own folder. It knows no noun: a caller gives its documents a kind (`product`) and gets ids back.
//! Begin with [`Search`]; [`words`] says how text is cut.

pub mod words;

use crate::kernel::{Fault, failpoint};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use tantivy::collector::TopDocs;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term};
use uuid::Uuid;
use words::{Piece, WordTokenizer};

/// Raised when the fields or the way text is cut change: an index of another version is thrown away.
const SCHEMA: u32 = 2;
const TOKENIZER: &str = "petstar";
/// The least that tantivy takes for a writer; it lives only while something is written.
const WRITER_BYTES: usize = 15_000_000;
const MAX_QUERY_PIECES: usize = 12;

/// One thing that can be found.
#[derive(Clone, Debug, Default)]
pub struct Document {
    pub id: Uuid,
    /// Counts for more than the text.
    pub title: String,
    pub text: String,
    /// Words to narrow by, as they stand.
    pub tags: Vec<String>,
    /// The place in lists that are not by likeness: the highest first.
    pub rank: u64,
}

/// What a list of the newest is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    /// All of these.
    pub tags: Vec<String>,
    /// This rank or higher.
    pub from: Option<u64>,
    /// Lower than this rank.
    pub below: Option<u64>,
    /// Only the title is searched, for those who must not find by the text.
    pub title_only: bool,
}

/// The ids [`Search::newest`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    pub ids: Vec<Uuid>,
    /// Nothing has the words as they were typed; these are like them, the most alike first, and there are no more pages.
    pub is_alike: bool,
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
    tag: Field,
    rank: Field,
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
        tag: schema.add_text_field("tag", STRING),
        rank: schema.add_u64_field("rank", FAST),
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
        self.rebuild(kind, mark, &mut |add| documents.iter().cloned().try_for_each(add))
    }

    /// As [`Search::replace`], for more documents than fit into memory: `each` hands them over one by one, and may be asked twice.
    ///
    /// # Errors
    /// As [`Search::replace`], and those of `each`.
    pub fn rebuild(&self, kind: &str, mark: &str, each: &mut Each<'_>) -> Result<(), Fault> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let all = |writer: &IndexWriter, fields: &Fields| {
            writer.delete_term(Term::from_field_text(fields.kind, kind));
            each(&mut |document| add(writer, fields, kind, document).map_err(fault))
        };
        self.write_anew(kind, mark, all)
    }

    /// Puts each of `documents` in the place of the one with its id, and leaves the others.
    ///
    /// # Errors
    /// As [`Search::replace`].
    pub fn update(&self, kind: &str, documents: &[Document], mark: &str) -> Result<(), Fault> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(kind, mark, |writer, fields| {
            for document in documents {
                writer.delete_term(Term::from_field_text(fields.id, &document.id.to_string()));
                add(writer, fields, kind, document.clone()).map_err(fault)?;
            }
            Ok(())
        })
    }

    /// An index damaged under our feet is begun anew, once; the other kinds are then missing their marks and are made again.
    fn write_anew(
        &self,
        kind: &str,
        mark: &str,
        mut change: impl FnMut(&IndexWriter, &Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.write(kind, mark, &mut change).is_ok() {
            return Ok(());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open_index(&self.folder).map_err(fault)?);
        self.write(kind, mark, change)
    }

    fn write(
        &self,
        kind: &str,
        mark: &str,
        mut change: impl FnMut(&IndexWriter, &Fields) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_ref() else { return Err(Fault::Io("there is no search index".into())) };
        let mut marks = marks(&open.index);
        marks.insert(kind.to_owned(), mark.to_owned());
        let mut writer = open.index.writer_with_num_threads(1, WRITER_BYTES).map_err(fault)?;
        change(&writer, &open.fields)?;
        let mut commit = writer.prepare_commit().map_err(fault)?;
        commit.set_payload(&payload(&marks));
        failpoint::reached("search.prepared");
        commit.commit().map_err(fault)?;
        writer.wait_merging_threads().map_err(fault)?;
        open.reader.reload().map_err(fault)
    }

    /// The matches of the highest rank, the highest first. Every word of `query` must be found, as a beginning or whole; where none has
    /// them all, words that are nearly the same do, and the most alike come first.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub fn newest(&self, kind: &str, query: &str, narrow: &Narrow, limit: usize) -> Result<Newest, Fault> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_ref() else { return Ok(Newest::default()) };
        let mut pieces = words::pieces(query);
        pieces.truncate(MAX_QUERY_PIECES);
        if pieces.is_empty() || limit == 0 {
            return Ok(Newest::default());
        }
        let fields = &open.fields;
        let searched: &[Field] = if narrow.title_only { &[fields.title] } else { &[fields.title, fields.text] };
        let searcher = open.reader.searcher();
        let strictly = all_of(kind, fields, &pieces, searched, narrow, false);
        let order = TopDocs::with_limit(limit).order_by_fast_field::<u64>("rank", tantivy::Order::Desc);
        let found = searcher.search(&strictly, &order).map_err(fault)?;
        if !found.is_empty() || narrow.below.is_some() {
            let ids = ids(&searcher, fields, found.into_iter().map(|(_, address)| address))?;
            return Ok(Newest { ids, is_alike: false });
        }
        let nearly = all_of(kind, fields, &pieces, searched, narrow, true);
        let found = searcher.search(&nearly, &TopDocs::with_limit(limit).order_by_score()).map_err(fault)?;
        let ids = ids(&searcher, fields, found.into_iter().map(|(_, address)| address))?;
        Ok(Newest { is_alike: !ids.is_empty(), ids })
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
            let ids = ids(&searcher, &open.fields, best.into_iter().map(|(_, address)| address))?;
            if !ids.is_empty() {
                return Ok(ids);
            }
        }
        Ok(Vec::new())
    }
}

/// Takes the documents of a rebuild one by one.
pub type Each<'a> = dyn FnMut(&mut dyn FnMut(Document) -> Result<(), Fault>) -> Result<(), Fault> + 'a;

fn add(writer: &IndexWriter, fields: &Fields, kind: &str, document: Document) -> tantivy::Result<()> {
    let mut row = TantivyDocument::default();
    row.add_text(fields.kind, kind);
    row.add_text(fields.id, document.id.to_string());
    row.add_text(fields.title, &document.title);
    row.add_text(fields.text, &document.text);
    for tag in &document.tags {
        row.add_text(fields.tag, tag);
    }
    row.add_u64(fields.rank, document.rank);
    writer.add_document(row).map(drop)
}

fn ids(searcher: &Searcher, fields: &Fields, found: impl Iterator<Item = DocAddress>) -> Result<Vec<Uuid>, Fault> {
    let mut ids = Vec::new();
    for address in found {
        let row: TantivyDocument = searcher.doc(address).map_err(fault)?;
        let id = row.get_first(fields.id).and_then(|value| value.as_str()).map(Uuid::try_parse);
        ids.extend(id.and_then(Result::ok));
    }
    Ok(ids)
}

/// Every piece, and everything it is narrowed to.
fn all_of(
    kind: &str,
    fields: &Fields,
    pieces: &[Piece],
    searched: &[Field],
    narrow: &Narrow,
    nearly: bool,
) -> BooleanQuery {
    let tags = narrow.tags.iter().map(|tag| Term::from_field_text(fields.tag, tag));
    let terms = tags.chain([Term::from_field_text(fields.kind, kind)]);
    let mut all: Vec<(Occur, Box<dyn Query>)> = terms
        .map(|term| {
            let query = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
            (Occur::Must, Box::new(ConstScoreQuery::new(query, 0.0)) as Box<dyn Query>)
        })
        .collect();
    if narrow.from.is_some() || narrow.below.is_some() {
        let bound = |rank: u64| Term::from_field_u64(fields.rank, rank);
        let low = narrow.from.map_or(Bound::Unbounded, |rank| Bound::Included(bound(rank)));
        let high = narrow.below.map_or(Bound::Unbounded, |rank| Bound::Excluded(bound(rank)));
        let range = Box::new(RangeQuery::new(low, high));
        all.push((Occur::Must, Box::new(ConstScoreQuery::new(range, 0.0))));
    }
    for piece in pieces {
        let ways = searched.iter().flat_map(|field| ways_to_find(piece, *field, nearly));
        let ways = ways.map(|query| (Occur::Should, query)).collect();
        all.push((Occur::Must, Box::new(BooleanQuery::new(ways))));
    }
    BooleanQuery::new(all)
}

/// How a field can have a piece: as typed, as the beginning of a longer word, and nearly.
fn ways_to_find(piece: &Piece, field: Field, nearly: bool) -> Vec<Box<dyn Query>> {
    let term = |text: &str| Term::from_field_text(field, text);
    let exactly = |text: &str| Box::new(TermQuery::new(term(text), IndexRecordOption::WithFreqs)) as Box<dyn Query>;
    match piece {
        Piece::Word(word) => {
            let mut ways = vec![exactly(word)];
            let length = word.chars().count();
            // One letter begins too many words to mean any of them.
            if length > 1 {
                ways.push(Box::new(FuzzyTermQuery::new_prefix(term(word), 0, true)));
            }
            // Another number is another thing, however alike it looks.
            if nearly && length > 3 && !word.bytes().all(|byte| byte.is_ascii_digit()) {
                ways.push(Box::new(FuzzyTermQuery::new_prefix(term(word), if length > 7 { 2 } else { 1 }, true)));
            }
            ways
        }
        Piece::Run(run) => {
            let pairs = words::pairs(run);
            match pairs.as_slice() {
                [] => vec![exactly(run)],
                [pair] if nearly => {
                    let one = pair.chars().map(|c| exactly(&c.to_string())).map(|query| (Occur::Should, query));
                    vec![exactly(pair), Box::new(BooleanQuery::new(one.collect()))]
                }
                [pair] => vec![exactly(pair)],
                pairs if nearly => pairs.iter().map(|pair| exactly(pair)).collect(),
                pairs => vec![Box::new(PhraseQuery::new(pairs.iter().map(|pair| term(pair)).collect()))],
            }
        }
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
    if !index.validate_checksum()?.is_empty() {
        return Err(tantivy::TantivyError::SystemError("a file of the index is not as it was written".into()));
    }
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
            ..Document::default()
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
    fn the_newest_are_found_narrowed_and_changed_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let search = Search::open(folder.path());
        let order = |id: u128, title: &str, text: &str, tag: &str| Document {
            id: Uuid::from_u128(id),
            title: title.into(),
            text: text.into(),
            tags: vec![tag.into()],
            rank: id as u64,
        };
        let rows = [
            order(1, "PS-000001 ポチ", "佐藤美香 mika@example.jp", "paid"),
            order(2, "PS-000002 Chelsea", "佐藤一郎 ichiro@example.jp", "shipped"),
            order(3, "PS-000003 モモ", "山田花子 hanako@example.com", "paid"),
        ];
        search.rebuild("order", "1", &mut |add| rows.iter().cloned().try_for_each(add)).unwrap();
        let look = |query: &str, narrow: Narrow| {
            let found = search.newest("order", query, &narrow, 10).unwrap();
            (found.ids.iter().map(|id| id.as_u128()).collect::<Vec<_>>(), found.is_alike)
        };
        let all = Narrow::default;
        assert_eq!(look("佐藤", all()), (vec![2, 1], false));
        assert_eq!(look("佐", all()), (vec![2, 1], false), "one character finds");
        assert_eq!(look("example", all()), (vec![3, 2, 1], false));
        assert_eq!(look("佐藤 ぽち", all()), (vec![1], false), "every word, kana of either kind");
        assert_eq!(look("000003", all()), (vec![3], false));
        assert_eq!(look("000004", all()), (vec![], false), "numbers are not guessed at");
        assert_eq!(look("hanaka", all()), (vec![3], true), "a typing error is forgiven");
        assert_eq!(look("佐籐美香", all()), (vec![1], true), "a wrong character too");
        let paid = || Narrow { tags: vec!["paid".into()], ..all() };
        assert_eq!(look("example", paid()), (vec![3, 1], false));
        assert_eq!(look("example", Narrow { below: Some(3), ..all() }), (vec![2, 1], false));
        assert_eq!(look("example", Narrow { from: Some(2), ..paid() }), (vec![3], false));
        assert_eq!(look("佐藤", Narrow { title_only: true, ..all() }), (vec![], false));
        search.update("order", &[order(2, "PS-000002 Chelsea", "鈴木一郎", "delivered")], "2").unwrap();
        assert_eq!(look("佐藤", all()), (vec![1], false));
        assert_eq!(look("鈴木", all()), (vec![2], false));
        assert_eq!(search.mark("order").as_deref(), Some("2"));
        // Another kind in the same index stays.
        search.replace("product", &documents(), "a").unwrap();
        assert_eq!(look("chel", all()), (vec![2], false));
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
