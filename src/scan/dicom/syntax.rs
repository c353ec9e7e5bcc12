//! Transfer syntaxes by UID: what is read, and the names of those that are not.

/// How pixels are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Native,
    Rle,
    /// JPEG baseline and extended, 8 or 12 bit, lossy.
    JpegDct,
    /// JPEG process 14, any predictor.
    JpegLossless,
    /// JPEG-LS; `lossless` is what the syntax promises.
    JpegLs {
        lossless: bool,
    },
    /// JPEG 2000; `lossless` is what the syntax promises.
    Jpeg2000 {
        lossless: bool,
    },
}

pub const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
pub const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
pub const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";
pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// The packing of a syntax that is read, or the name of one that is not.
pub fn packing(uid: &str) -> Result<Packing, String> {
    let Some(tail) = uid.strip_prefix("1.2.840.10008.1.2") else {
        return Err("a private or unknown transfer syntax".into());
    };
    let name = match tail {
        "" | ".1" | ".2" | ".1.99" => return Ok(Packing::Native),
        ".5" => return Ok(Packing::Rle),
        ".4.50" | ".4.51" => return Ok(Packing::JpegDct),
        ".4.57" | ".4.70" => return Ok(Packing::JpegLossless),
        ".4.80" => return Ok(Packing::JpegLs { lossless: true }),
        ".4.81" => return Ok(Packing::JpegLs { lossless: false }),
        ".4.90" => return Ok(Packing::Jpeg2000 { lossless: true }),
        ".4.91" => return Ok(Packing::Jpeg2000 { lossless: false }),
        ".4.52" => "JPEG Extended, processes 3 and 5, withdrawn from the standard",
        ".4.53" => "JPEG Spectral Selection, processes 6 and 8, withdrawn from the standard",
        ".4.54" => "JPEG Spectral Selection, processes 7 and 9, withdrawn from the standard",
        ".4.55" => "JPEG Full Progression, processes 10 and 12, withdrawn from the standard",
        ".4.56" => "JPEG Full Progression, processes 11 and 13, withdrawn from the standard",
        ".4.58" => "JPEG Lossless, process 15, withdrawn from the standard",
        ".4.59" | ".4.60" | ".4.61" | ".4.62" | ".4.63" | ".4.64" | ".4.65" | ".4.66" => {
            "a hierarchical JPEG process, withdrawn from the standard"
        }
        ".4.92" | ".4.93" => "JPEG 2000 multi-component, which a CT has no use for",
        ".4.94" | ".4.95" | ".4.204" | ".4.205" => "JPIP, whose pixels are not in the file",
        ".4.110" | ".4.111" | ".4.112" => "JPEG XL",
        ".4.201" | ".4.202" | ".4.203" => "High-Throughput JPEG 2000",
        ".6.1" => "RFC 2557 MIME, withdrawn from the standard",
        ".6.2" => "XML, withdrawn from the standard",
        ".8.1" => "Deflated Image Frame Compression",
        ".1.98" => "Encapsulated Uncompressed",
        t if t.starts_with(".4.10") => "a video (MPEG)",
        _ => "an unknown transfer syntax",
    };
    Err(name.into())
}
