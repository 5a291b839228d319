//! Why a print file could not be made, by its kind and in words for staff: a damaged photo, a missing or damaged file, the disk, or
//! something unexpected. (Time-outs are told by the queue, prints too large for the machine by [`super::memory`].)

use super::content::Filling;
use crate::kernel::{Error, Fault};
use crate::queue::JobError;
use crate::shop::Shop;

pub struct Failure(JobError);

impl Failure {
    /// What went wrong with a photo of the design.
    pub fn of_photo(fault: Fault) -> Failure {
        match fault {
            Fault::Corrupt(text) => lasting(format!(
                "damaged photo: a photo of the design cannot be read any more ({text}). Ask the customer for it"
            )),
            fault => fault.into(),
        }
    }
}

/// The key of what a customer is told of a failed picture: whether there is something they can do. The reason itself may speak of files and
/// machines.
pub fn words_for_customers(reason: &str) -> &'static str {
    match reason.split(':').next() {
        Some("damaged photo" | "missing file") => "designs.job_failed_photo",
        Some("memory") => "designs.job_failed_size",
        _ => "designs.job_failed",
    }
}

fn lasting(reason: String) -> Failure {
    Failure(JobError::lasting(reason))
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Failure {
        Failure(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Faulted(fault) => fault.into(),
            refused => Failure(refused.into()),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        let reason = match &fault {
            Fault::DiskFull => "disk: there is no room left".to_owned(),
            Fault::Io(text) => format!("disk: a file could not be read or written ({text})"),
            Fault::Storage(text) => format!("disk: the database does not answer ({text})"),
            Fault::Corrupt(text) => format!("damaged file: {text}"),
            fault => fault.to_string(),
        };
        Failure(JobError { reason, retry: !fault.is_lasting() })
    }
}

impl From<Failure> for JobError {
    fn from(failure: Failure) -> JobError {
        failure.0
    }
}

/// Sees whether the files of the photos that are shown are there, and as they were stored.
///
/// # Errors
/// A failure that names the kind; trying again does not bring a file back.
pub fn check_photos(shop: &Shop, filling: &Filling) -> Result<(), Failure> {
    let shown = filling.values.photo_ids();
    for photo in filling.photos.values().filter(|photo| shown.contains(&photo.id.0)) {
        for file in [&photo.original, &photo.proxy] {
            let place = shop.blobs().path(&file.sha256);
            if place.is_file() {
                shop.blobs().verify(file).map_err(Failure::of_photo)?;
            } else {
                return Err(lasting(format!(
                    "missing file: a photo of the design is no longer in the data folder ({}). Put it back from a backup, or ask the customer for it",
                    file.sha256
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_words_and_says_whether_to_try_again() {
        let told = |failure: Failure| (failure.0.reason, failure.0.retry);
        let kind = |fault: Fault| {
            let (reason, retry) = told(fault.into());
            (reason.split(':').next().unwrap_or_default().to_owned(), retry)
        };
        assert_eq!(kind(Fault::DiskFull), ("disk".into(), true));
        assert_eq!(kind(Fault::Io("x".into())), ("disk".into(), true));
        assert_eq!(kind(Fault::Storage("x".into())), ("disk".into(), true));
        assert_eq!(kind(Fault::Corrupt("x".into())), ("damaged file".into(), false));
        assert_eq!(kind(Fault::bug("x")), ("unexpected".into(), false));
        assert_eq!(words_for_customers("disk: there is no room left"), "designs.job_failed");
        assert_eq!(words_for_customers("busy: others were drawing"), "designs.job_failed");
        assert_eq!(words_for_customers("memory: this picture needs 600 MB"), "designs.job_failed_size");
        let (reason, retry) = told(Failure::of_photo(Fault::Corrupt("no picture".into())));
        assert!(reason.starts_with("damaged photo: ") && !retry, "{reason}");
        assert_eq!(words_for_customers(&reason), "designs.job_failed_photo");
        assert!(told(Failure::of_photo(Fault::DiskFull)).1);
    }
}
