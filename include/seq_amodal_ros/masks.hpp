// For planners in C++: the masks of a LayeredAmodalMasks as pixels. Header only.
//
//   find_package(seq_amodal_ros REQUIRED)
//   target_link_libraries(planner PRIVATE ${seq_amodal_ros_TARGETS})

#ifndef SEQ_AMODAL_ROS__MASKS_HPP_
#define SEQ_AMODAL_ROS__MASKS_HPP_

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "seq_amodal_ros/msg/amodal_object.hpp"
#include "seq_amodal_ros/msg/layered_amodal_masks.hpp"
#include "seq_amodal_ros/msg/packed_mask.hpp"

namespace seq_amodal_ros
{

/// A mask at its image's size: height * width bytes, row by row from the top, 255 where the object
/// is, else 0. OpenCV takes it as cv::Mat(height, width, CV_8UC1, pixels.data()).
using Pixels = std::vector<std::uint8_t>;

constexpr std::uint64_t MAX_PIXELS = 1u << 26;

/// Check a mask against its image's size before it is read.
/**
 * \throws std::invalid_argument naming the field, for an image of no or more than MAX_PIXELS
 *   pixels, a region outside the image, or data of another length than the region's.
 */
inline void check(const msg::PackedMask & mask, std::uint64_t height, std::uint64_t width)
{
  if (height == 0 || width == 0 || height > MAX_PIXELS / width) {
    throw std::invalid_argument(
            "height x width is " + std::to_string(height) + " x " + std::to_string(width) +
            ": must be 1 to " + std::to_string(MAX_PIXELS) + " pixels");
  }
  const std::uint64_t right = std::uint64_t{mask.x} + mask.width;
  const std::uint64_t bottom = std::uint64_t{mask.y} + mask.height;
  if (right > width || bottom > height) {
    throw std::invalid_argument(
            "region of a mask reaches to column " + std::to_string(right) + " and row " +
            std::to_string(bottom) + ", beyond the image of " + std::to_string(width) + "x" +
            std::to_string(height));
  }
  const std::uint64_t needed = mask.height * ((std::uint64_t{mask.width} + 7) / 8);
  if (mask.data.size() != needed) {
    throw std::invalid_argument(
            "data holds " + std::to_string(mask.data.size()) + " bytes, the region needs " +
            std::to_string(needed));
  }
}

/// Return whether a mask holds the pixel in a column and row of its image; without memory.
/**
 * A pixel whose byte a malformed mask lacks is not held.
 */
inline bool holds(const msg::PackedMask & mask, std::uint32_t column, std::uint32_t row)
{
  if (column < mask.x || row < mask.y) {
    return false;
  }
  const std::size_t x = column - mask.x, y = row - mask.y;
  if (x >= mask.width || y >= mask.height) {
    return false;
  }
  const std::size_t stride = (std::size_t{mask.width} + 7) / 8;
  const std::size_t byte = y * stride + x / 8;
  return byte < mask.data.size() && ((mask.data[byte] >> (7 - x % 8)) & 1);
}

/// Return a mask at the size of its image; throws as `check` does.
inline Pixels unpack(const msg::PackedMask & mask, std::uint32_t height, std::uint32_t width)
{
  check(mask, height, width);
  Pixels pixels(std::size_t{height} * width, 0);
  for (std::uint32_t row = mask.y; row < mask.y + mask.height; ++row) {
    for (std::uint32_t column = mask.x; column < mask.x + mask.width; ++column) {
      pixels[std::size_t{row} * width + column] = holds(mask, column, row) ? 255 : 0;
    }
  }
  return pixels;
}

/// Return where an object may be touched: what is visible of it and every hypothesis gives to it.
/**
 * As seq_amodal_ros.planning.graspable_region with a margin of 0. Throws as `check` does.
 */
inline Pixels graspable_region(
  const msg::LayeredAmodalMasks & scene, const msg::AmodalObject & item)
{
  Pixels region = unpack(item.mask, scene.height, scene.width);
  for (const auto & hypothesis : item.hypotheses) {
    const Pixels held = unpack(hypothesis, scene.height, scene.width);
    for (std::size_t i = 0; i < region.size(); ++i) {
      region[i] &= held[i];
    }
  }
  for (const auto & other : scene.objects) {
    if (other.layer < item.layer) {
      const Pixels above = unpack(other.mask, scene.height, scene.width);
      for (std::size_t i = 0; i < region.size(); ++i) {
        region[i] &= static_cast<std::uint8_t>(~above[i]);
      }
    }
  }
  return region;
}

}  // namespace seq_amodal_ros

#endif  // SEQ_AMODAL_ROS__MASKS_HPP_
