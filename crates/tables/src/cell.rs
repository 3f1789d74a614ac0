//! How a Rust value stands in an Arrow column, both ways.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array, ListBuilder,
    StringArray, StringBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int64Type};

/// A fixed-length vector of finite f32, as a frozen encoder gives it.
pub type Embedding = Vec<f32>;

/// The type of a column, as the contracts name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Utf8,
    /// 64-bit signed integer.
    Int64,
    /// 64-bit float; never NaN or infinite.
    Float64,
    /// True or false.
    Boolean,
    /// A list of UTF-8 strings.
    Utf8List,
    /// A fixed-size list of non-null f32 items named `element`; the size is the data's own.
    Embedding,
}

impl ColumnType {
    /// Whether an Arrow type is this column type.
    pub fn accepts(self, arrow: &DataType) -> bool {
        match (self, arrow) {
            (Self::Embedding, DataType::FixedSizeList(item, _)) => item.data_type() == &DataType::Float32,
            (Self::Utf8List, DataType::List(item)) => item.data_type() == &DataType::Utf8,
            (Self::Embedding | Self::Utf8List, _) => false,
            (scalar, arrow) => scalar.scalar().as_ref() == Some(arrow),
        }
    }

    /// The Arrow type of a scalar column; lists have none until their data is known.
    pub fn scalar(self) -> Option<DataType> {
        match self {
            Self::Utf8 => Some(DataType::Utf8),
            Self::Int64 => Some(DataType::Int64),
            Self::Float64 => Some(DataType::Float64),
            Self::Boolean => Some(DataType::Boolean),
            Self::Utf8List | Self::Embedding => None,
        }
    }
}

/// A Rust type that a table's column can hold.
///
/// `decode` is only called on an array that passed the contract's check, so a mismatch there is a bug.
pub trait Cell: Sized {
    /// The column's type.
    const TYPE: ColumnType;
    /// Whether the column may hold null.
    const NULLABLE: bool = false;
    /// The words an enum column may hold; empty for any other column.
    fn words() -> &'static [&'static str] {
        &[]
    }
    /// One array of all the cells.
    fn encode<'a>(cells: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a;
    /// All the cells of a checked array.
    fn decode(array: &ArrayRef) -> Vec<Self>;
}

/// A non-null value; `Option` of it is the nullable column of the same type.
pub trait Value: Sized {
    /// The column's type.
    const TYPE: ColumnType;
    /// The words an enum column may hold; empty for any other column.
    fn words() -> &'static [&'static str] {
        &[]
    }
    /// One array, null where there is no value.
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef
    where
        Self: 'a;
    /// The value in row `at`, which is not null.
    fn get(array: &ArrayRef, at: usize) -> Self;
}

impl<V: Value> Cell for V {
    const TYPE: ColumnType = V::TYPE;
    fn words() -> &'static [&'static str] {
        V::words()
    }
    fn encode<'a>(cells: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a,
    {
        V::encode(cells.map(Some))
    }
    fn decode(array: &ArrayRef) -> Vec<Self> {
        (0..array.len()).map(|at| V::get(array, at)).collect()
    }
}

impl<V: Value> Cell for Option<V> {
    const TYPE: ColumnType = V::TYPE;
    const NULLABLE: bool = true;
    fn words() -> &'static [&'static str] {
        V::words()
    }
    fn encode<'a>(cells: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a,
    {
        V::encode(cells.map(Option::as_ref))
    }
    fn decode(array: &ArrayRef) -> Vec<Self> {
        (0..array.len()).map(|at| array.is_valid(at).then(|| V::get(array, at))).collect()
    }
}

/// An enum of the vocabulary.
pub trait Word: FromStr + Into<&'static str> + Copy {
    /// Every word.
    fn words() -> &'static [&'static str];
}

impl<W: Word> Value for W {
    const TYPE: ColumnType = ColumnType::Utf8;
    fn words() -> &'static [&'static str] {
        W::words()
    }
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef
    where
        Self: 'a,
    {
        Arc::new(values.map(|value| value.map(|word| -> &'static str { (*word).into() })).collect::<StringArray>())
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        let word = array.as_string::<i32>().value(at);
        W::from_str(word).unwrap_or_else(|_| unreachable!("the check let `{word}` through"))
    }
}

impl Value for String {
    const TYPE: ColumnType = ColumnType::Utf8;
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef {
        Arc::new(values.map(|value| value.map(String::as_str)).collect::<StringArray>())
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        array.as_string::<i32>().value(at).to_owned()
    }
}

impl Value for i64 {
    const TYPE: ColumnType = ColumnType::Int64;
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef {
        Arc::new(values.map(Option::<&i64>::copied).collect::<Int64Array>())
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        array.as_primitive::<Int64Type>().value(at)
    }
}

impl Value for f64 {
    const TYPE: ColumnType = ColumnType::Float64;
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef {
        Arc::new(values.map(Option::<&f64>::copied).collect::<Float64Array>())
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        array.as_primitive::<Float64Type>().value(at)
    }
}

impl Value for bool {
    const TYPE: ColumnType = ColumnType::Boolean;
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef {
        Arc::new(values.map(Option::<&bool>::copied).collect::<BooleanArray>())
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        array.as_boolean().value(at)
    }
}

impl Value for Vec<String> {
    const TYPE: ColumnType = ColumnType::Utf8List;
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef {
        let element = Field::new("element", DataType::Utf8, false);
        let mut lists = ListBuilder::new(StringBuilder::new()).with_field(element);
        for value in values {
            if let Some(list) = value {
                list.iter().for_each(|text| lists.values().append_value(text));
            }
            lists.append(value.is_some());
        }
        Arc::new(lists.finish())
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        let list = array.as_list::<i32>().value(at);
        list.as_string::<i32>().iter().flatten().map(str::to_owned).collect()
    }
}

/// Vectors of that size, with any numbers where one is null.
fn embeddings(size: i32, items: Vec<f32>, nulls: NullBuffer) -> ArrayRef {
    let element = Arc::new(Field::new("element", DataType::Float32, false));
    Arc::new(FixedSizeListArray::new(element, size, Arc::new(Float32Array::from(items)), Some(nulls)))
}

/// A column of `n` nulls that would be vectors of that size.
pub(crate) fn null_embeddings(size: i32, n: usize) -> ArrayRef {
    embeddings(size, vec![0.0; usize::try_from(size).unwrap_or(0) * n], NullBuffer::new_null(n))
}

impl Value for Embedding {
    const TYPE: ColumnType = ColumnType::Embedding;
    /// The first vector sets the size; a column without any has size 1. Vectors of another size are a caller's bug.
    fn encode<'a>(values: impl Iterator<Item = Option<&'a Self>>) -> ArrayRef {
        let rows: Vec<Option<&Self>> = values.collect();
        let size = rows.iter().flatten().map(|vector| vector.len()).next().unwrap_or(1).max(1);
        let mut items = Vec::with_capacity(rows.len() * size);
        for row in &rows {
            match row {
                Some(vector) => {
                    assert_eq!(vector.len(), size, "the vectors of one column have one size");
                    items.extend_from_slice(vector);
                }
                None => items.resize(items.len() + size, 0.0),
            }
        }
        let nulls = NullBuffer::from_iter(rows.iter().map(Option::is_some));
        let size = i32::try_from(size).unwrap_or_else(|_| unreachable!("an encoder gives fewer than 2^31 numbers"));
        embeddings(size, items, nulls)
    }
    fn get(array: &ArrayRef, at: usize) -> Self {
        array.as_fixed_size_list().value(at).as_primitive::<Float32Type>().values().to_vec()
    }
}
