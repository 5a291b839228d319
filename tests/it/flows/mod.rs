//! One story a file.

mod backup;
mod check;
mod command_line;
mod exports;
mod faces;
mod following;
mod full_disk;
mod holiday;
mod idempotency;
mod kill_and_restart;
mod layers;
mod lists;
mod mockups;
mod other_device;
mod panel_products;
mod panel_search;
mod panel_todo;
mod places;
mod prices;
mod print_room;
mod prints;
mod purchase;
mod script;
mod staff;
mod upgrade;
mod webhooks;
