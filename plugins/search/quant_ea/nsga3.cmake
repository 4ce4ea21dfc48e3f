# Target quant_ea_nsga3: NSGA-III without LibTorch, for the QuantEA plugin and for its tests.
# Include it from as many directories as needed.

# Before the guard, because imported targets are only visible where they were found.
if(NOT TARGET Pagmo::pagmo)
  find_package(Pagmo REQUIRED)
endif()
if(NOT TARGET nlohmann_json::nlohmann_json)
  find_package(nlohmann_json REQUIRED)
endif()
if(TARGET quant_ea_nsga3)
  return()
endif()

add_library(quant_ea_nsga3 STATIC
  ${CMAKE_CURRENT_LIST_DIR}/categorical_variation.cpp
  ${CMAKE_CURRENT_LIST_DIR}/environmental_selection.cpp
  ${CMAKE_CURRENT_LIST_DIR}/nsga3.cpp
  ${CMAKE_CURRENT_LIST_DIR}/reference_points.cpp)
target_include_directories(quant_ea_nsga3 PUBLIC ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(quant_ea_nsga3 PUBLIC Pagmo::pagmo nlohmann_json::nlohmann_json)
target_compile_features(quant_ea_nsga3 PUBLIC cxx_std_17)
# Selection compares every pair of members: without optimization the tests take minutes.
target_compile_options(quant_ea_nsga3 PRIVATE -O2)
set_target_properties(quant_ea_nsga3 PROPERTIES
  POSITION_INDEPENDENT_CODE ON
  CXX_VISIBILITY_PRESET hidden
  VISIBILITY_INLINES_HIDDEN ON)
