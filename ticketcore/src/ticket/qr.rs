//! Pictures of ticket codes.

use std::fmt::Write;

use fast_qr::{ECL, Mode, QRBuilder};

use super::code::TicketCode;

/// White modules that must be around a QR code.
const QUIET: usize = 4;
/// Pixels that a module may be wide in a PNG.
const PIXELS_MAX: usize = 32;

/// A QR code (ISO/IEC 18004): the text of a ticket code in alphanumeric mode, with error correction M, which bears 15 % of damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrPicture {
    size: usize,
    /// Row by row.
    dark: Vec<bool>,
}

impl TicketCode {
    /// This code as a picture.
    ///
    /// # Panics
    /// Never: a QR code has room for many times the text.
    #[must_use]
    pub fn qr(&self) -> QrPicture {
        let qr = QRBuilder::new(self.to_string()).mode(Mode::Alphanumeric).ecl(ECL::M).build();
        let qr = qr.expect("176 alphanumeric characters fit a QR code");
        let dark = (0..qr.size).flat_map(|y| qr[y].iter().map(|module| module.value())).collect();
        QrPicture { size: qr.size, dark }
    }
}

impl QrPicture {
    /// Modules on a side, without the white border.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Whether a module is dark. Those outside are not.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.size && y < self.size && self.dark[y * self.size + x]
    }

    /// As SVG, black on white with the border, of no size of its own.
    #[must_use]
    pub fn svg(&self) -> String {
        let side = self.size + 2 * QUIET;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\""
        );
        for y in 0..self.size {
            let mut x = 0;
            while x < self.size {
                let run = (x..self.size).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    let written = write!(svg, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                    debug_assert!(written.is_ok(), "a string takes everything");
                }
                x += run.max(1);
            }
        }
        svg.push_str("\"/></svg>");
        svg
    }

    /// As PNG, one bit per pixel, with the border. A module is `pixels` wide, 1 to 32; numbers outside are taken for the nearest of them.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn png(&self, pixels: usize) -> Vec<u8> {
        let pixels = pixels.clamp(1, PIXELS_MAX);
        let side = (self.size + 2 * QUIET) * pixels;
        let row_bytes = side.div_ceil(8);
        let mut image = vec![0xff; row_bytes * side];
        for (y, row) in image.chunks_exact_mut(row_bytes).enumerate() {
            for x in 0..side {
                let module = |at: usize| (at / pixels).wrapping_sub(QUIET);
                if self.is_dark(module(x), module(y)) {
                    row[x / 8] &= !(0x80 >> (x % 8));
                }
            }
        }
        let side = u32::try_from(side).expect("a QR code has 177 modules at most");
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder.set_compression(png::Compression::Fast);
        // Most rows are those above them.
        encoder.set_filter(png::Filter::Up);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&image)?;
            writer.finish()
        });
        written.expect("writing to memory does not fail");
        png
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{claims, keys};

    fn decode(size: usize, dark: impl Fn(usize, usize) -> bool) -> (rqrr::MetaData, String) {
        rqrr::Grid::new(rqrr::SimpleGrid::from_func(size, dark)).decode().unwrap()
    }

    #[test]
    fn a_reader_reads_the_modules() {
        let code = keys().sign(&claims()).unwrap();
        let qr = code.qr();
        let (meta, text) = decode(qr.size(), |x, y| qr.is_dark(x, y));
        assert_eq!(text.parse(), Ok(code));
        assert_eq!((meta.version.0, qr.size()), (7, 45));
        // Error correction M is number 0 of the format.
        assert_eq!(meta.ecc_level, 0);
    }

    #[test]
    fn a_reader_reads_the_png() {
        let code = keys().sign(&claims()).unwrap();
        let qr = code.qr();
        for pixels in [0, 1, 3, 8] {
            let png = qr.png(pixels);
            let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
            let mut image = vec![0; reader.output_buffer_size().unwrap()];
            let frame = reader.next_frame(&mut image).unwrap();
            let pixels = pixels.max(1);
            let (side, line) = (frame.width as usize, frame.line_size);
            assert_eq!((side, frame.height as usize), (53 * pixels, 53 * pixels));
            let black = |x: usize, y: usize| image[y * line + x / 8] << (x % 8) & 0x80 == 0;
            let border = (0..side).flat_map(|x| (0..4 * pixels).map(move |y| (x, y)));
            assert!(!border.into_iter().any(|(x, y)| black(x, y) || black(y, x)));
            let (_, text) = decode(45, |x, y| black((x + 4) * pixels + pixels / 2, (y + 4) * pixels));
            assert_eq!(text.parse(), Ok(code));
        }
        assert!(qr.png(8).len() < 4_000, "{} bytes", qr.png(8).len());
        assert_eq!(qr.png(usize::MAX), qr.png(32));
    }

    #[test]
    fn a_reader_reads_the_svg() {
        let code = keys().sign(&claims()).unwrap();
        let svg = code.qr().svg();
        let (_, path) = svg.split_once("<path d=\"M").unwrap();
        let mut dark = std::collections::BTreeSet::new();
        for run in path.trim_end_matches("z\"/></svg>").split("zM") {
            let (place, run) = run.split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (run, back) = run.split_once("v1h-").unwrap();
            assert_eq!(run, back);
            let (x, y, run): (usize, usize, usize) =
                (x.parse().unwrap(), y.parse().unwrap(), run.parse().unwrap());
            dark.extend((x..x + run).map(|x| (x - 4, y - 4)));
        }
        let (_, text) = decode(45, |x, y| dark.contains(&(x, y)));
        assert_eq!(text.parse(), Ok(code));
        assert!(svg.contains("viewBox=\"0 0 53 53\"") && svg.len() < 20_000);
    }
}
