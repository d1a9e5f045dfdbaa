//! A QR code as part of a page: a path of SVG, so that no script and no other request is needed.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// A QR code.
pub(super) struct Qr {
    /// Modules of a side, with the quiet zone of four around.
    pub(super) side: usize,
    /// The dark modules, as the `d` of a path.
    pub(super) path: String,
}

/// Modules that stay empty around it (ISO/IEC 18004, section 9.1).
const QUIET: usize = 4;

/// The code of `text`; nothing when it is too long for one.
pub(super) fn path(text: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run[0] == Color::Dark {
                let length = run.len();
                write!(path, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET).ok()?;
            }
            x += run.len();
        }
    }
    Some(Qr {
        side: width + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_begins_with_its_finder_pattern() {
        let qr = path("otpauth://totp/x").unwrap();

        assert_eq!(qr.side, 25 + 8);
        assert!(qr.path.starts_with("M4 4h7v1h-7z"), "{}", qr.path);
        assert!(path(&"x".repeat(3000)).is_none());
    }
}
