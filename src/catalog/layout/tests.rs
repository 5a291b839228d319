use super::*;

pub(super) const FILE: &str = r##"
slug = "star-poster"
category = "poster"
name = { en = "Star poster", ja = "星のポスター" }
description = { en = "A poster.", ja = "ポスターです。" }
mockup = "wall"

[[variants]]
key = "a4"
name = { en = "A4", ja = "A4" }
width_mm = 210
height_mm = 297
price = 2980
size_class = "flat-small"

[layout]
width_mm = 210
height_mm = 297
background = "$paper"

[[layout.layers]]
kind = "artwork"
file = "back.svg"
colors = { "#FBF7EF" = "$paper", "#e2ded7" = { field = "paper", mix = "#000000", amount = 0.1 } }
when = { look = ["plain", "mono"] }

[[layout.layers]]
kind = "photo"
field = "photo"
x = 20
y = 20
width = 170
height = 170
mask = { shape = "rounded", radius = 8 }
look = "$look"
shadow = { dy = 1, blur = 3.0, color = "#00000040" }
fade = { bottom = 0.3 }

[[layout.layers]]
kind = "text"
field = "name"
x = 20
y = 205
width = 170
height = 30
size_mm = 22
min_size_mm = 6
font = "zen-maru-bold"
color = "#1b1f3b"
arc = { radius = 60, start = "bottom" }

[[layout.fields]]
id = "photo"
kind = "photo"
label = { en = "Your photo", ja = "写真" }
required = true

[[layout.fields]]
id = "name"
kind = "text"
label = { en = "Name", ja = "なまえ" }
required = true
max_chars = 20
sample = "Chelsea"
fonts = ["zen-maru-bold", "caveat"]

[[layout.fields]]
id = "paper"
kind = "color"
label = { en = "Paper", ja = "紙の色" }
default = "#FBF7EF"
colors = ["#FBF7EF", "#14183A"]

[[layout.fields]]
id = "look"
kind = "choice"
label = { en = "Look", ja = "仕上がり" }
default = "plain"
choices = [ { id = "plain", label = { en = "Plain", ja = "そのまま" } }, { id = "mono", label = { en = "Black and white", ja = "モノクロ" } } ]

[sample]
photo = { file = "chelsea.jpg", x = 0.5, y = 0.4, zoom = 1.2, rotation = 0 }
"##;

#[test]
fn a_file_is_read_and_survives_json() {
    let file = ProductFile::parse(FILE).unwrap();
    assert_eq!(file.layout.print_pixels(file.variants[0].size()), (2551, 3579));
    assert_eq!(file.layout.artwork_files(), ["back.svg"]);
    assert_eq!(file.layout.background, Paint::Field("paper".into()));
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<ProductFile>(&json).unwrap(), file);
}

/// Replaces one piece of the good file and returns what is said about the result.
fn mistake(from: &str, to: &str) -> String {
    assert!(FILE.contains(from), "{from}");
    let problems = ProductFile::parse(&FILE.replacen(from, to, 1)).expect_err(to);
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (from, to, said) in [
        ("width_mm = 210\nheight_mm = 297\nprice", "width_mm = 210\nheight_mm = 210\nprice", "variants[0] (a4)"),
        ("price = 2980", "price = 0", "layout.check.price"),
        ("\"zen-maru-bold\"\ncolor", "\"comic\"\ncolor", "layout.layers[2] (text name): layout.check.face face=comic"),
        ("field = \"photo\"", "field = \"foto\"", "layout.check.no_photo field=foto"),
        ("field = \"name\"", "field = \"paper\"", "layout.check.no_text field=paper"),
        ("max_chars = 20", "max_chars = 3", "layout.check.too_long max=3"),
        ("max_chars = 20", "", "needs `max_chars`"),
        ("\"Chelsea\"", "\"Chelsea 🐾\"", "layout.no_glyph characters=🐾"),
        ("default = \"#FBF7EF\"", "default = \"#000000\"", "layout.check.default"),
        ("default = \"plain\"", "default = \"loud\"", "layout.check.default"),
        ("look = [\"plain\"", "look = [\"loud\"", "layout.check.condition field=look choice=loud"),
        ("radius = 8", "radius = -1", "layout.check.range name=radius"),
        ("fade = { bottom = 0.3 }", "fade = { bottom = 30 }", "layout.check.fade"),
        (
            "background =",
            "trim = { shape = \"rounded\", radius = -1 }\nbackground =",
            "layout.trim: layout.check.range name=radius",
        ),
        ("background =", "trim = { shape = \"path\", d = \"round\" }\nbackground =", "layout.trim: layout.check.path"),
        ("background =", "trim = { shape = \"star\" }\nbackground =", "star"),
        ("fade = {", "fades = {", "fades"),
        ("background = \"$paper\"", "background = \"$look\"", "layout.check.no_color field=look"),
        ("background = \"$paper\"", "background = \"cream\"", "`cream` is neither a colour"),
        ("photo = { file", "foto = { file", "sample: layout.check.no_field field=foto"),
        ("file = \"back.svg\"", "file = \"../back.svg\"", "layout.check.file"),
        ("x = 20\ny = 20", "x = 400\ny = 20", "layout.check.outside"),
        (
            "label = { en = \"Name\", ja = \"なまえ\" }",
            "label = { en = \"Name\", ja = \"\" }",
            "layout.check.no_japanese",
        ),
        (
            "required = true\nmax_chars",
            "required = true\ndefault = \"Bella\"\nmax_chars",
            "layout.required_has_no_default",
        ),
    ] {
        let message = mistake(from, to);
        assert!(message.contains(said), "{to}: {message}");
    }
}

#[test]
fn dates_are_days_of_the_calendar() {
    for good in ["2024-02-29", "1999-12-31"] {
        assert!(check::is_date(good), "{good}");
    }
    for bad in ["2023-02-29", "2024-13-01", "2024-00-10", "2024-4-01", "24-04-01", "2024-04-01x", "0000-01-01"] {
        assert!(!check::is_date(bad), "{bad}");
    }
}

/// A file's line on an arc stands as its layer is aligned; what was stored when nobody listened stays in the middle.
#[test]
fn arcs_take_the_alignment_of_a_file_and_keep_that_of_the_store() {
    let arc = |file: &ProductFile| match &file.layout.layers[2] {
        Layer::Text(TextLayer { arc: Some(arc), .. }) => *arc,
        other => panic!("{other:?}"),
    };
    assert_eq!(arc(&ProductFile::parse(FILE).unwrap()).align, Align::Center);
    let right = ProductFile::parse(&FILE.replacen("arc = {", "align = \"right\"\narc = {", 1)).unwrap();
    assert_eq!(arc(&right).align, Align::Right);
    let mut stored = serde_json::to_value(&right).unwrap();
    assert_eq!(serde_json::from_value::<ProductFile>(stored.clone()).unwrap(), right);
    stored["layout"]["layers"][2]["arc"].as_object_mut().unwrap().remove("align");
    assert_eq!(arc(&serde_json::from_value(stored).unwrap()).align, Align::Center);
    let own = FILE.replacen("arc = { radius = 60,", "align = \"right\"\narc = { radius = 60, align = \"left\",", 1);
    assert_eq!(arc(&ProductFile::parse(&own).unwrap()).align, Align::Left);
}

#[test]
fn a_cut_has_a_shape_and_guides_that_follow_it() {
    let cut = |shape: &str| {
        let file = FILE.replacen("background =", &format!("safe_margin_mm = 5\ntrim = {shape}\nbackground ="), 1);
        ProductFile::parse(&file).unwrap().layout
    };
    let square = ProductFile::parse(FILE).unwrap().layout;
    assert_eq!(square, cut(r#"{ shape = "rect" }"#));
    assert!(!serde_json::to_string(&square).unwrap().contains("trim"), "what is stored keeps its bytes");
    assert!(square.shaped_cut(square.size()).is_none());
    let (trim, safe) = square.guides();
    assert_eq!((&*trim, &*safe), ("M0 0L210 0L210 297L0 297Z", "M5 5L205 5L205 292L5 292Z"));

    let oval = cut(r#"{ shape = "ellipse" }"#);
    let edge = oval.shaped_cut(Size { width_mm: 420.0, height_mm: 594.0 }).unwrap();
    assert!((edge.depth((210.0, 20.0)) - 20.0).abs() < 0.1 && edge.depth((5.0, 5.0)) < 0.0);
    let points = |data: &str| data.split(['M', 'L', 'Z']).filter(|at| !at.is_empty()).count();
    assert!(points(&oval.guides().0) > 100 && points(&oval.guides().1) > 300);
    let rounded = cut(r#"{ shape = "rounded", radius = 20 }"#);
    let edge = rounded.shaped_cut(Size { width_mm: 420.0, height_mm: 594.0 }).unwrap();
    // A corner of 40 mm on twice the size.
    assert!((edge.depth((40.0, 40.0)) - 40.0).abs() < 0.1 && edge.depth((5.0, 5.0)) < 0.0);
    assert!(rounded.guides().1.starts_with("M20 5L190 5"), "{}", rounded.guides().1);
    let none = cut(r#"{ shape = "ellipse" }"#);
    assert_eq!(Layout { safe_margin_mm: 0.0, ..none }.guides().1, "");
}
