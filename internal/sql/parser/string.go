package parser

// String returns the node as SQL.
func (x *AfterMatch) String() string { return format(x) }

// String returns the node as SQL.
func (x *AliasedTable) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterAddPartition) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterAs) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterCatalog) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterComment) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterDatabase) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterDrop) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterFunction) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterModel) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterRefresh) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterRename) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterRenameColumn) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterReset) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterSchema) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterSet) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterTable) String() string { return format(x) }

// String returns the node as SQL.
func (x *AlterView) String() string { return format(x) }

// String returns the node as SQL.
func (x *ArrayExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *BeginStatementSet) String() string { return format(x) }

// String returns the node as SQL.
func (x *BetweenExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *BinaryExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *BinaryLit) String() string { return format(x) }

// String returns the node as SQL.
func (x *BoolLit) String() string { return format(x) }

// String returns the node as SQL.
func (x *CTE) String() string { return format(x) }

// String returns the node as SQL.
func (x *Call) String() string { return format(x) }

// String returns the node as SQL.
func (x *CaseExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *CastExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *ClientCommand) String() string { return format(x) }

// String returns the node as SQL.
func (x *ColumnDef) String() string { return format(x) }

// String returns the node as SQL.
func (x *ColumnPosition) String() string { return format(x) }

// String returns the node as SQL.
func (x *ColumnRef) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateCatalog) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateDatabase) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateFunction) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateMaterializedTable) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateModel) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateTable) String() string { return format(x) }

// String returns the node as SQL.
func (x *CreateView) String() string { return format(x) }

// String returns the node as SQL.
func (x *DatetimeLit) String() string { return format(x) }

// String returns the node as SQL.
func (x *DefaultExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Define) String() string { return format(x) }

// String returns the node as SQL.
func (x *DerivedTable) String() string { return format(x) }

// String returns the node as SQL.
func (x *Describe) String() string { return format(x) }

// String returns the node as SQL.
func (x *Descriptor) String() string { return format(x) }

// String returns the node as SQL.
func (x *Distribution) String() string { return format(x) }

// String returns the node as SQL.
func (x *Drop) String() string { return format(x) }

// String returns the node as SQL.
func (x *EndStatementSet) String() string { return format(x) }

// String returns the node as SQL.
func (x *Execute) String() string { return format(x) }

// String returns the node as SQL.
func (x *ExistsExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Explain) String() string { return format(x) }

// String returns the node as SQL.
func (x *FieldAccess) String() string { return format(x) }

// String returns the node as SQL.
func (x *Frame) String() string { return format(x) }

// String returns the node as SQL.
func (x *FrameBound) String() string { return format(x) }

// String returns the node as SQL.
func (x *FuncCall) String() string { return format(x) }

// String returns the node as SQL.
func (x *FunctionBody) String() string { return format(x) }

// String returns the node as SQL.
func (x *GroupBy) String() string { return format(x) }

// String returns the node as SQL.
func (x GroupItem) String() string { return format(x) }

// String returns the node as SQL.
func (x *Hint) String() string { return format(x) }

// String returns the node as SQL.
func (x Ident) String() string { return format(x) }

// String returns the node as SQL.
func (x *InExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *IndexExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Insert) String() string { return format(x) }

// String returns the node as SQL.
func (x *IntervalExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *IntervalLit) String() string { return format(x) }

// String returns the node as SQL.
func (x *IntervalQualifier) String() string { return format(x) }

// String returns the node as SQL.
func (x *IsExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *JSONBehavior) String() string { return format(x) }

// String returns the node as SQL.
func (x *Jar) String() string { return format(x) }

// String returns the node as SQL.
func (x *Join) String() string { return format(x) }

// String returns the node as SQL.
func (x *LikeClause) String() string { return format(x) }

// String returns the node as SQL.
func (x *LikeExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *LikeOption) String() string { return format(x) }

// String returns the node as SQL.
func (x *LoadModule) String() string { return format(x) }

// String returns the node as SQL.
func (x *MapExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *MatchRecognize) String() string { return format(x) }

// String returns the node as SQL.
func (x *MatchScopeExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Measure) String() string { return format(x) }

// String returns the node as SQL.
func (x *ModelArg) String() string { return format(x) }

// String returns the node as SQL.
func (x *MultisetExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *NamedArg) String() string { return format(x) }

// String returns the node as SQL.
func (x *NamedWindow) String() string { return format(x) }

// String returns the node as SQL.
func (x *NullLit) String() string { return format(x) }

// String returns the node as SQL.
func (x *NumberLit) String() string { return format(x) }

// String returns the node as SQL.
func (x ObjectName) String() string { return format(x) }

// String returns the node as SQL.
func (x Option) String() string { return format(x) }

// String returns the node as SQL.
func (x *OrderItem) String() string { return format(x) }

// String returns the node as SQL.
func (x *Over) String() string { return format(x) }

// String returns the node as SQL.
func (x PartitionSpec) String() string { return format(x) }

// String returns the node as SQL.
func (x PartitionValue) String() string { return format(x) }

// String returns the node as SQL.
func (x *Pattern) String() string { return format(x) }

// String returns the node as SQL.
func (x *PrimaryKey) String() string { return format(x) }

// String returns the node as SQL.
func (x *QuantifiedExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Query) String() string { return format(x) }

// String returns the node as SQL.
func (x *QueryStmt) String() string { return format(x) }

// String returns the node as SQL.
func (x *Reset) String() string { return format(x) }

// String returns the node as SQL.
func (x Resource) String() string { return format(x) }

// String returns the node as SQL.
func (x *RowExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Select) String() string { return format(x) }

// String returns the node as SQL.
func (x *SelectItem) String() string { return format(x) }

// String returns the node as SQL.
func (x *Set) String() string { return format(x) }

// String returns the node as SQL.
func (x *SetOp) String() string { return format(x) }

// String returns the node as SQL.
func (x *Show) String() string { return format(x) }

// String returns the node as SQL.
func (x *Star) String() string { return format(x) }

// String returns the node as SQL.
func (x *StatementSet) String() string { return format(x) }

// String returns the node as SQL.
func (x *StopJob) String() string { return format(x) }

// String returns the node as SQL.
func (x *StringLit) String() string { return format(x) }

// String returns the node as SQL.
func (x *SubqueryExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *SubsetDef) String() string { return format(x) }

// String returns the node as SQL.
func (x *Symbol) String() string { return format(x) }

// String returns the node as SQL.
func (x *TableArg) String() string { return format(x) }

// String returns the node as SQL.
func (x *TableFunc) String() string { return format(x) }

// String returns the node as SQL.
func (x *TableName) String() string { return format(x) }

// String returns the node as SQL.
func (x *TableQuery) String() string { return format(x) }

// String returns the node as SQL.
func (x *TableSchema) String() string { return format(x) }

// String returns the node as SQL.
func (x *TypeField) String() string { return format(x) }

// String returns the node as SQL.
func (x *TypeName) String() string { return format(x) }

// String returns the node as SQL.
func (x *UnaryExpr) String() string { return format(x) }

// String returns the node as SQL.
func (x *Unnest) String() string { return format(x) }

// String returns the node as SQL.
func (x *Unsupported) String() string { return format(x) }

// String returns the node as SQL.
func (x *Use) String() string { return format(x) }

// String returns the node as SQL.
func (x *Values) String() string { return format(x) }

// String returns the node as SQL.
func (x *Watermark) String() string { return format(x) }

// String returns the node as SQL.
func (x *WindowSpec) String() string { return format(x) }
