//! A zip file (APPNOTE.TXT 6.3.10) written from beginning to end, its files stored as they are: pictures do not get smaller.

use crate::kernel::Moment;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Sizes follow the file instead of going before it (bit 3), and names are UTF-8 (bit 11).
const FLAGS: u16 = 1 << 3 | 1 << 11;
/// The version that is needed for 64-bit sizes.
const VERSION: u16 = 45;
const AT_ONCE: usize = 64 << 10;

/// Writes files one behind the other, and the list of them at the end.
pub struct ZipWriter<W> {
    out: W,
    written: u64,
    /// MS-DOS date and time.
    stamp: (u16, u16),
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    crc: u32,
    bytes: u64,
    offset: u64,
}

impl<W: AsyncWrite + Unpin> ZipWriter<W> {
    /// All files get the time `now`.
    pub fn new(out: W, now: Moment) -> Self {
        let (year, month, day) = now.utc_date();
        let second = now.unix_seconds().rem_euclid(86_400) as u32;
        let date = (((year - 1980).clamp(0, 127) as u32) << 9 | month << 5 | day) as u16;
        let time = ((second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2)) as u16;
        Self { out, written: 0, stamp: (date, time), entries: Vec::new() }
    }

    /// # Errors
    /// Those of both sides.
    pub async fn file(&mut self, name: &str, mut content: impl AsyncRead + Unpin) -> io::Result<()> {
        let offset = self.written;
        let mut head = Bytes::default();
        head.u32(0x0403_4b50).u16(VERSION).u16(FLAGS).u16(0).u16(self.stamp.1).u16(self.stamp.0);
        // Check sum and sizes come behind; an extra field of 64-bit sizes makes those be 64 bits wide.
        head.u32(0).u32(u32::MAX).u32(u32::MAX).u16(name.len() as u16).u16(20).raw(name.as_bytes());
        head.u16(1).u16(16).u64(0).u64(0);
        self.put(&head.0).await?;
        let mut crc = crc32fast::Hasher::new();
        let mut bytes = 0;
        let mut buffer = vec![0; AT_ONCE];
        loop {
            let read = content.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            crc.update(&buffer[..read]);
            bytes += read as u64;
            self.put(&buffer[..read]).await?;
        }
        let crc = crc.finalize();
        let mut tail = Bytes::default();
        tail.u32(0x0807_4b50).u32(crc).u64(bytes).u64(bytes);
        self.put(&tail.0).await?;
        self.entries.push(Entry { name: name.to_owned(), crc, bytes, offset });
        Ok(())
    }

    /// Writes the list of files.
    ///
    /// # Errors
    /// Those of the side written to.
    pub async fn finish(&mut self) -> io::Result<()> {
        let start = self.written;
        let mut list = Bytes::default();
        for Entry { name, crc, bytes, offset } in &self.entries {
            list.u32(0x0201_4b50).u16(VERSION).u16(VERSION).u16(FLAGS).u16(0).u16(self.stamp.1).u16(self.stamp.0);
            list.u32(*crc).u32(u32::MAX).u32(u32::MAX).u16(name.len() as u16).u16(28).u16(0).u16(0).u16(0).u32(0);
            list.u32(u32::MAX).raw(name.as_bytes()).u16(1).u16(24).u64(*bytes).u64(*bytes).u64(*offset);
        }
        let (count, size) = (self.entries.len() as u64, list.0.len() as u64);
        let end = start + size;
        list.u32(0x0606_4b50)
            .u64(44)
            .u16(VERSION)
            .u16(VERSION)
            .u32(0)
            .u32(0)
            .u64(count)
            .u64(count)
            .u64(size)
            .u64(start);
        list.u32(0x0706_4b50).u32(0).u64(end).u32(1);
        list.u32(0x0605_4b50).u16(0).u16(0).u16(u16::MAX).u16(u16::MAX).u32(u32::MAX).u32(u32::MAX).u16(0);
        self.put(&list.0).await?;
        self.out.shutdown().await
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes).await
    }
}

/// Little-endian numbers one behind the other.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(&mut self, n: u16) -> &mut Self {
        self.raw(&n.to_le_bytes())
    }

    fn u32(&mut self, n: u32) -> &mut Self {
        self.raw(&n.to_le_bytes())
    }

    fn u64(&mut self, n: u64) -> &mut Self {
        self.raw(&n.to_le_bytes())
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_list_says_where_each_file_is() {
        let mut file = Vec::new();
        let mut zip = ZipWriter::new(&mut file, Moment::from_unix_seconds(1_779_339_600));
        zip.file("a.txt", &b"Chelsea"[..]).await.unwrap();
        zip.file("\u{732b}.txt", &b""[..]).await.unwrap();
        zip.finish().await.unwrap();
        let at = |signature: u32| {
            let wanted = signature.to_le_bytes();
            file.windows(4).enumerate().filter(|(_, four)| *four == wanted).map(|(at, _)| at).collect::<Vec<_>>()
        };
        let (heads, listed) = (at(0x0403_4b50), at(0x0201_4b50));
        assert_eq!((heads.len(), listed.len()), (2, 2));
        let u32_at = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
        assert_eq!(u32_at(listed[0] + 16), crc32fast::hash(b"Chelsea"));
        for (head, entry) in heads.iter().zip(&listed) {
            let name = u16::from_le_bytes(file[entry + 28..entry + 30].try_into().unwrap()) as usize;
            assert_eq!(u64_at(entry + 46 + name + 4 + 16) as usize, *head, "the offset of its head");
        }
        assert!(file.windows(7).any(|part| part == b"Chelsea"));
    }
}
