//! Images embedded in the page, so that it needs no other file.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::report::Image;

/// An image as shown on the page.
#[derive(Serialize)]
pub(crate) struct Shown {
    caption: String,
    width: u32,
    height: u32,
    /// A PNG file as base64.
    png: String,
}

pub(crate) fn images(images: &[Image]) -> Vec<Shown> {
    let shown = |image: &Image| {
        let [width, height] = image.size();
        let png = BASE64_STANDARD.encode(png(image));
        Shown { caption: image.caption().to_owned(), width, height, png }
    };
    images.iter().map(shown).collect()
}

/// Encodes an image as PNG.
fn png(image: &Image) -> Vec<u8> {
    let [width, height] = image.size();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    encoder.set_adaptive_filter(png::AdaptiveFilterType::Adaptive);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(image.rgb()));
    // `Image::new` checks the number of bytes, and writing to memory does not fail.
    written.unwrap_or_else(|error| panic!("encoding an image: {error}"));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back() {
        let rgb: Vec<u8> = (0..5 * 3 * 3).map(|i| (i * 5) as u8).collect();
        let image = Image::new("a ramp".into(), 5, 3, rgb.clone()).unwrap();
        let file = png(&image);
        let mut reader = png::Decoder::new(&file[..]).read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size()];
        let frame = reader.next_frame(&mut read).unwrap();
        assert_eq!((frame.width, frame.height, &read[..frame.buffer_size()]), (5, 3, &rgb[..]));
        assert!(Image::new("short".into(), 5, 3, vec![0; 44]).is_none());
        assert!(Image::new("empty".into(), 0, 3, Vec::new()).is_none());
    }
}
