# Prints what can be mutated in scripts, as JSON: statements that can go, conditions that can be turned, by offset.
param([string]$Folder)
$found = foreach ($file in Get-ChildItem $Folder -Recurse -File -Filter *.ps1) {
    $text = [IO.File]::ReadAllText($file.FullName)
    $tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$null)
    $name = $file.FullName.Substring($Folder.Length + 1).Replace('\', '/')
    $blocks = $tree.FindAll({ param($node) $node -is [Management.Automation.Language.NamedBlockAst] -or $node -is [Management.Automation.Language.StatementBlockAst] }, $true)
    foreach ($block in $blocks) {
        foreach ($statement in $block.Statements) {
            if ($statement -is [Management.Automation.Language.FunctionDefinitionAst] -or $statement -is [Management.Automation.Language.ParamBlockAst]) { continue }
            @{ file = $name; kind = 'statement'; start = $statement.Extent.StartOffset; end = $statement.Extent.EndOffset; line = $statement.Extent.StartLineNumber }
        }
    }
    foreach ($test in $tree.FindAll({ param($node) $node -is [Management.Automation.Language.IfStatementAst] }, $true)) {
        foreach ($clause in $test.Clauses) { @{ file = $name; kind = 'condition'; start = $clause.Item1.Extent.StartOffset; end = $clause.Item1.Extent.EndOffset; line = $clause.Item1.Extent.StartLineNumber } }
    }
}
ConvertTo-Json @($found) -Compress
