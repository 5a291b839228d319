//! Customers' designs: a product's layout filled in, previewed and made ready for print.
//!
//! May touch: the rooms left of it. Begin with [`scene`].

pub mod scene;
