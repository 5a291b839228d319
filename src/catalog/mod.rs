//! What the shop sells: blanks with a layout to personalise and variants with a price each.
//!
//! May touch: the rooms left of it. Begin with [`layout`].

pub mod layout;
