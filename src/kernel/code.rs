//! The one table of error codes. Codes are a promise to scripts: they are never renamed.

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal,)*) => {
        /// What went wrong, in a word that scripts can rely on (the `code` member of a problem document).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The stable name, for example `order_not_payable`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The HTTP status the code is answered with.
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }
        }
    };
}

codes! {
    InvalidJson "invalid_json" 400,
    InvalidSignature "invalid_signature" 400,
    BadRequest "bad_request" 400,
    Unauthorized "unauthorized" 401,
    Forbidden "forbidden" 403,
    CrossSite "cross_site" 403,
    NotFound "not_found" 404,
    MethodNotAllowed "method_not_allowed" 405,
    RequestTimeout "request_timeout" 408,
    DesignNotReady "design_not_ready" 409,
    DesignLocked "design_locked" 409,
    InvalidStatusTransition "invalid_status_transition" 409,
    OrderNotPayable "order_not_payable" 409,
    OrderChanged "order_changed" 409,
    OutOfStock "out_of_stock" 409,
    ShopClosed "shop_closed" 409,
    IdempotencyInProgress "idempotency_in_progress" 409,
    Conflict "conflict" 409,
    StaleVersion "stale_version" 412,
    PayloadTooLarge "payload_too_large" 413,
    ImageTooLarge "image_too_large" 413,
    UnsupportedMedia "unsupported_media" 415,
    InvalidInput "invalid_input" 422,
    ImageUnreadable "image_unreadable" 422,
    CouponInvalid "coupon_invalid" 422,
    IdempotencyKeyReused "idempotency_key_reused" 422,
    RateLimited "rate_limited" 429,
    Internal "internal" 500,
    Busy "busy" 503,
    PaymentsUnavailable "payments_unavailable" 503,
    DiskFull "disk_full" 507,
}
