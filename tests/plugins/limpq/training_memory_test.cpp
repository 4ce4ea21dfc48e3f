// Memory of the joint training, counted in bytes of tensors.
#include <gtest/gtest.h>

#include "support/counting_allocator.h"
#include "support/resnet20_indicators.h"

namespace limpq_test {
namespace {

using namespace resnet20_indicators;

// One pass after the other holds its activations; the step sizes and batch norms of five widths
// are small beside them.
TEST(IndicatorTrainingMemory, IsHardlyMoreThanThatOfAPlainTraining) {
  CountingAllocator& memory = CountingAllocator::install();
  Context context(/*batch_size=*/16, /*batches=*/2);
  const auto joint = memory.peak_of([&] { deneb::limpq::train_steps(context, recipe(2), kBits); });
  const auto plain = memory.peak_of([&] {
    PlainTraining training(context);
    training.step();
    training.step();
  });
  EXPECT_GT(plain, 16 * 16 * 1024 * 4);  // it does count
  EXPECT_LT(double(joint), 1.2 * double(plain));
}

}  // namespace
}  // namespace limpq_test
