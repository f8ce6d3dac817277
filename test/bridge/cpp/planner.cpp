// Reads scenes as text and prints what may be touched of each object, or what is wrong.
//
//   in   height width, number of objects; of each: layer, number of masks (mask and hypotheses),
//        and of each mask: x y width height, number of bytes, bytes
//   out  of each object a line of 0 and 1, of its amodal mask and another of its region to touch

#include <iostream>
#include <stdexcept>

#include "seq_amodal_ros/masks.hpp"

namespace
{

seq_amodal_ros::msg::PackedMask read_mask()
{
  seq_amodal_ros::msg::PackedMask mask;
  std::size_t bytes = 0;
  std::cin >> mask.x >> mask.y >> mask.width >> mask.height >> bytes;
  for (unsigned value = 0; bytes > 0 && std::cin >> value; --bytes) {
    mask.data.push_back(static_cast<std::uint8_t>(value));
  }
  return mask;
}

seq_amodal_ros::msg::AmodalObject read_object()
{
  seq_amodal_ros::msg::AmodalObject item;
  std::size_t masks = 0;
  std::cin >> item.layer >> masks;
  item.mask = read_mask();
  for (std::size_t i = 1; i < masks; ++i) {
    item.hypotheses.push_back(read_mask());
  }
  return item;
}

/// Whether `holds` says of each pixel, and of those around the image, what `unpack` says.
bool agree(
  const seq_amodal_ros::msg::PackedMask & mask, const seq_amodal_ros::Pixels & pixels,
  std::uint32_t height, std::uint32_t width)
{
  for (std::uint32_t row = 0; row <= height; ++row) {
    for (std::uint32_t column = 0; column <= width; ++column) {
      const bool inside = row < height && column < width;
      if (seq_amodal_ros::holds(mask, column, row) !=
        (inside && pixels[std::size_t{row} * width + column] == 255))
      {
        return false;
      }
    }
  }
  return true;
}

void print(const seq_amodal_ros::Pixels & pixels)
{
  for (const auto pixel : pixels) {
    std::cout << (pixel == 255 ? '1' : pixel == 0 ? '0' : '?');
  }
  std::cout << '\n';
}

}  // namespace

int main()
{
  seq_amodal_ros::msg::LayeredAmodalMasks scene;
  std::size_t objects = 0;
  while (std::cin >> scene.height >> scene.width >> objects) {
    scene.objects.clear();
    for (std::size_t i = 0; i < objects; ++i) {
      scene.objects.push_back(read_object());
    }
    for (const auto & item : scene.objects) {
      try {
        const auto pixels = seq_amodal_ros::unpack(item.mask, scene.height, scene.width);
        print(pixels);
        if (!agree(item.mask, pixels, scene.height, scene.width)) {
          std::cout << "holds and unpack do not agree\n";
        }
        print(seq_amodal_ros::graspable_region(scene, item));
      } catch (const std::invalid_argument & error) {
        std::cout << error.what() << '\n';
      }
    }
  }
}
