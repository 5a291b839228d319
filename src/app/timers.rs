//! Work that comes round by the clock: sweeps, reconciling, forgetting. Timers are not jobs: missing one harms nobody.

use crate::kernel::Fault;
use crate::shop::Shop;
use crate::{designs, exports, orders, payments, people, queue, web};
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;
use tokio::task::JoinHandle;

#[derive(Default)]
pub struct Timers(Mutex<Vec<JoinHandle<()>>>);

impl Timers {
    /// Begins what the shop does by the clock.
    pub fn start(&self, shop: &Shop) {
        let hour = Duration::from_secs(3600);
        self.with(shop, hour, |shop| async move { web::idempotency::forget_expired(&shop).await.map(drop) });
        self.with(shop, hour, |shop| async move { people::forget_expired(&shop).await });
        self.with(shop, hour, |shop| async move { designs::sweep(&shop).await });
        self.with(shop, hour, |shop| async move { forget_old_jobs(&shop).await });
        self.with(shop, hour, |shop| async move { exports::sweep(&shop).await });
        self.with(shop, hour, |shop| async move { orders::customers::sweep_photos(&shop).await });
        self.with(shop, 24 * hour, |shop| async move { orders::customers::sweep_unordered(&shop).await });
        self.with(shop, hour, |shop| async move { super::backup::nightly(&shop).await });
        self.with(shop, hour, |shop| async move { payments::remind(&shop).await });
        let reconcile = Duration::from_secs(shop.config().stripe.reconcile_s);
        self.with(shop, reconcile, |shop| async move { payments::reconcile(&shop).await });
    }

    pub(super) fn with<F>(&self, shop: &Shop, every: Duration, work: impl Fn(Shop) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let shop = shop.clone();
        self.every(every, move || {
            let work = work(shop.clone());
            async move {
                if let Err(fault) = work.await {
                    tracing::warn!(%fault, "a timer's work failed and will be tried again");
                }
            }
        });
    }

    /// Runs `work` soon after the start and then once in each `every`.
    pub fn every<F: Future<Output = ()> + Send + 'static>(
        &self,
        every: Duration,
        work: impl Fn() -> F + Send + 'static,
    ) {
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1).min(every)).await;
            loop {
                work().await;
                tokio::time::sleep(every).await;
            }
        });
        if let Ok(mut tasks) = self.0.lock() {
            tasks.push(task);
        }
    }

    pub fn stop(self) {
        if let Ok(tasks) = self.0.into_inner() {
            tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

/// Jobs that ended a month ago are forgotten, some at a time. Failed ones stay until somebody has dealt with them.
async fn forget_old_jobs(shop: &Shop) -> Result<(), Fault> {
    let before = shop.now().plus_days(-30);
    loop {
        if shop.store().write(move |tx| queue::forget_settled(tx, before, 1000)).await? == 0 {
            return Ok(());
        }
    }
}
